"""timm's schedules and augmentations as parts of recipes."""

from __future__ import annotations

import inspect
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import pytest
import torch

from attnctl import recipes
from attnctl.jobs.data import policies
from attnctl.recipes import timm_created, timm_parts

pytestmark = pytest.mark.skipif(find_spec("timm") is None, reason="timm is not installed: pip install timm")


def rates(name: str, steps: int = 12, **values: Any) -> list[float]:
    recipe, code = recipes.resolve_with_code("digits", {"schedule": name, "lr": 0.1, **values})
    factor = timm_created.schedule(recipe, code)
    assert factor is not None
    return [recipe.lr * factor(step, steps) for step in range(steps)]


@pytest.mark.parametrize("name", list(timm_parts.SCHEDULES))
def test_options_have_timms_names_and_defaults(name: str) -> None:
    kind = getattr(import_module("timm.scheduler"), timm_created._CLASSES[name])
    taken = inspect.signature(kind).parameters
    assert {option.name: option.default for option in timm_parts.SCHEDULES[name]} == {
        option.name: taken[option.name].default for option in timm_parts.SCHEDULES[name]
    }


@pytest.mark.parametrize("name", list(timm_parts.SCHEDULES))
def test_the_rates_are_those_of_timms_schedule(name: str) -> None:
    options = {"lr_min": 0.01, "cycle_limit": 2, "cycle_decay": 0.5}
    group = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.1)
    scheduler = getattr(import_module("timm.scheduler"), timm_created._CLASSES[name])(group, t_initial=6, **options)
    expected = []
    for step in range(12):
        scheduler.step(step)
        expected.append(group.param_groups[0]["lr"])
    typed: dict[str, Any] = {f"schedule.{option}": value for option, value in options.items()}
    assert rates(f"timm:{name}", **typed) == pytest.approx(expected)
    assert expected[6] == pytest.approx(expected[0] / 2, rel=0.1)


def test_cycles_that_grow_fill_all_steps() -> None:
    given = rates("timm:cosine", 14, **{"schedule.cycle_limit": 3, "schedule.cycle_mul": 2.0})
    assert [step for step, rate in enumerate(given) if rate == pytest.approx(0.1)] == [0, 2, 6]
    assert recipes.resolve("digits", {"schedule": "timm:cosine"}).part_options == "none"


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("rand", {"augment.m": 9, "augment.mstd": 0.5, "augment.inc": True, "augment.p": 1.0}),
        ("auto", {"augment.policy": "original"}),
        ("augmix", {"augment.b": True, "augment.erasing": 0.5}),
        ("augmix", {"augment.d": 2}),
    ],
)
def test_augmentations_depend_on_torchs_generator_alone(name: str, options: dict[str, Any]) -> None:
    recipe, code = recipes.resolve_with_code("digits", {"augment": f"timm:{name}", **options})
    change = policies.open_change(recipe, code, 32, (0.5, 0.5, 0.5))
    assert change is not None
    image = torch.arange(3 * 32 * 32).remainder(251).to(torch.uint8).reshape(3, 32, 32)

    def made(seed: int) -> list[torch.Tensor]:
        torch.manual_seed(seed)
        return [change(image) for _ in range(6)]

    assert all(torch.equal(a, b) for a, b in zip(made(1), made(1), strict=True))
    assert any(not torch.equal(a, b) for a, b in zip(made(1), made(2), strict=True))
    assert all(item.shape == (3, 32, 32) and item.dtype == torch.uint8 for item in made(3))


def test_the_text_of_the_options_is_that_of_timms_command_line() -> None:
    options = {"m": 9, "n": 2, "p": 0.5, "mstd": 0.5, "mmax": 10, "inc": True}
    assert timm_created._text("rand", options) == "rand-m9-n2-p0.5-mstd0.5-mmax10-inc1"
    assert timm_created._text("auto", {"policy": "v0r", "mstd": 0.5}) == "v0r-mstd0.5"
    assert timm_created._text("augmix", {"m": 3, "d": -1, "b": False}) == "augmix-m3-b0"
