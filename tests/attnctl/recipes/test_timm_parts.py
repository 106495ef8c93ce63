"""timm's optimizers as parts of recipes."""

from __future__ import annotations

import importlib.util
from typing import Any

import pytest
import torch

from attnctl import recipes
from attnctl.jobs.training import optimizers
from attnctl.recipes import timm_parts
from attnctl.values import SpecError


def trained(name: str, **values: Any) -> tuple[torch.optim.Optimizer, list[float]]:
    recipe, code = recipes.resolve_with_code("digits", {"optimizer": name, "lr": 0.01, "warmup_epochs": 0, **values})
    assert (recipe.optimizer, code) == (name, "")
    weight = torch.nn.Parameter(torch.arange(4.0))
    optimizer = optimizers.create(recipe, code, [{"params": [weight], "weight_decay": 0.5}])
    for _ in range(3):
        optimizer.zero_grad()
        weight.square().sum().backward()
        optimizer.step()
    return optimizer, weight.tolist()


@pytest.mark.parametrize("name", ["lamb", "sgd", "lion", "adan", "rmsproptf"])
def test_timms_optimizers_train_with_the_recipes_values(name: str) -> None:
    optimizer, weights = trained(f"timm:{name}", momentum=0.8)
    assert optimizer.param_groups[0]["lr"] == 0.01
    assert optimizer.param_groups[0]["weight_decay"] == 0.5
    if name == "sgd":
        assert optimizer.param_groups[0]["momentum"] == 0.8
        assert weights == trained("sgd", momentum=0.8, nesterov=True)[1]
    else:
        assert weights != [0.0, 1.0, 2.0, 3.0]


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"optimizer": "timm:lam"}, "timm has no optimizer 'lam'; did you mean 'lamb'"),
        ({"optimizer": "timm:adahessian"}, "timm has no optimizer 'adahessian'"),
        ({"loss": "timm:bce"}, "loss is timm:bce; only optimizers, schedules and augmentations are taken from timm"),
        ({"schedule": "timm:cosin"}, "timm has no schedule 'cosin'; did you mean 'cosine'"),
        ({"schedule": "timm:cosine", "schedule.cycle_limit": "x"}, "schedule.cycle_limit is x"),
        (
            {"schedule": "timm:cosine", "schedule.cycles": 2},
            "schedule timm:cosine has no option 'cycles'; did you mean",
        ),
        ({"schedule": "timm:poly", "schedule.cycle_limit": 0}, "schedule.cycle_limit is 0; it must be 1 to 1000"),
        ({"augment": "timm:rand", "augment.p": "nan"}, "augment.p is nan"),
        ({"augment": "timm:auto", "augment.policy": "v1"}, "augment.policy is v1"),
        ({"optimizer": "timm:lamb", "optimizer.eps": 1e-3}, "optimizer timm:lamb has no option 'eps'; it has none"),
    ],
)
def test_other_names_are_errors(values: dict[str, Any], words: str) -> None:
    with pytest.raises(SpecError, match=words):
        recipes.resolve("digits", values)


def test_without_timm_its_names_say_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        timm_parts, "find_spec", lambda name: None if name == "timm" else importlib.util.find_spec(name)
    )
    with pytest.raises(SpecError, match="optimizer timm:lamb needs the package timm: pip install timm"):
        recipes.resolve("digits", {"optimizer": "timm:lamb"})
