"""Optimizers by name: the table of options is torch's, and each trains."""

from __future__ import annotations

import inspect

import pytest
import torch
from torch import nn

from attnctl import recipes
from attnctl.jobs.training.optimizers import CLASSES, create
from attnctl.recipe_parts import NUMBERS, OPTIMIZERS, numbers_of
from attnctl.values import Scalar

FIELDS = {"params", "lr", "momentum", "weight_decay", "nesterov"}
"""What the recipe's own fields say."""
IMPLEMENTATION = {"foreach", "fused", "maximize", "differentiable", "capturable", "decoupled_weight_decay"}
NOT_OFFERED = {
    "LBFGS": "calls the loss several times in a step",
    "SparseAdam": "is for sparse gradients",
    "Muon": "is for matrices only",
    "Adafactor": "has an option that is a pair with None",
}


def test_the_options_are_those_of_torch_with_its_defaults() -> None:
    assert OPTIMIZERS.keys() == CLASSES.keys()
    for name, kind in CLASSES.items():
        declared = {
            key: value.default for key, value in inspect.signature(kind).parameters.items() if key not in FIELDS
        }
        options = {
            item.name: numbers_of(str(item.default)) if item.declared is NUMBERS else item.default
            for item in OPTIMIZERS[name]
        }
        assert options.items() <= declared.items(), name
        assert declared.keys() - options.keys() <= IMPLEMENTATION, name


def test_every_optimizer_of_torch_is_offered_or_left_out_for_a_reason() -> None:
    known = {
        name
        for name, kind in vars(torch.optim).items()
        if inspect.isclass(kind) and issubclass(kind, torch.optim.Optimizer) and kind is not torch.optim.Optimizer
    }
    offered = {kind.__name__ for kind in CLASSES.values() if kind.__module__.startswith("torch.")}
    assert known == offered | NOT_OFFERED.keys()


@pytest.mark.parametrize("name", sorted(CLASSES))
def test_each_optimizer_lowers_a_loss(name: str) -> None:
    torch.manual_seed(0)
    layer = nn.Linear(4, 1)
    images, targets = torch.randn(64, 4), torch.randn(64, 1)
    optimizer = create(recipes.resolve("digits", {"optimizer": name, "lr": 0.02}), "", [{"params": layer.parameters()}])
    losses = []
    for _ in range(30):
        loss = nn.functional.mse_loss(layer(images), targets)
        losses.append(loss.item())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert losses[-1] < losses[0]


def test_options_and_fields_reach_the_optimizer() -> None:
    given: dict[str, Scalar] = {
        "optimizer": "nadam",
        "optimizer.betas": "0.8+0.9",
        "optimizer.momentum_decay": "0.1",
        "weight_decay": 0.3,
    }
    (group,) = create(recipes.resolve("digits", given), "", [{"params": [nn.Parameter(torch.ones(1))]}]).param_groups
    assert (group["betas"], group["momentum_decay"], group["weight_decay"]) == ((0.8, 0.9), 0.1, 0.3)
