"""GAM: its formula, written from its paper and its authors' file, and its numbers of parameters."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from tests.attnctl.attention.attention_cases import SMALL, Counts, label
from tests.attnctl.attention.formulas import Given, assert_formula, assert_parameters, relu, sigmoid

PARAMETERS: Counts = [({}, 102720, 1639680), ({"groups": 4}, 27456, 435456), ({"r": 16}, 25872, 410688)]
"""Hyperparameters, and the parameters at 64 and at 256 channels; None where the setting does not fit."""


def gam(p: Given, x: Tensor, r: int, groups: int = 1, form: str = "paper") -> Tensor:
    gate = p.conv("channel.2", relu(p.conv("channel.0", x)))
    z = x * (gate if form == "released" else sigmoid(gate))
    hidden = relu(p.batch_norm("spatial.1", p.conv("spatial.0", z, padding=3, groups=groups)))
    spatial = sigmoid(p.batch_norm("spatial.4", p.conv("spatial.3", hidden, padding=3, groups=groups)))
    width = x.shape[1] // groups
    shuffled = [spatial[:, c % groups * width + c // groups] for c in range(x.shape[1])]
    return z * torch.stack(shuffled, 1)


@pytest.mark.parametrize("training", [True, False], ids=["train", "eval"])
@pytest.mark.parametrize("hyperparameters", SMALL["gam"], ids=label)
def test_the_module_is_its_formula(hyperparameters: dict[str, Any], training: bool) -> None:
    assert_formula("gam", gam, hyperparameters, training)


@pytest.mark.parametrize(("hyperparameters", "at_64", "at_256"), PARAMETERS)
def test_the_parameters_are_counted(hyperparameters: dict[str, Any], at_64: int | None, at_256: int) -> None:
    assert_parameters("gam", hyperparameters, at_64, at_256)
