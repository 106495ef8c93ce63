"""CPCA: its formula, written from its paper and its authors' code, and its numbers of parameters."""

from __future__ import annotations

from typing import Any

import pytest
from torch import Tensor
from torch.nn import functional

from tests.attnctl.attention.attention_cases import SMALL, Counts, label
from tests.attnctl.attention.formulas import Given, assert_formula, assert_parameters, relu, sigmoid

PARAMETERS: Counts = [({}, 13328, 127040)]
"""Hyperparameters, and the parameters at 64 and at 256 channels; None where the setting does not fit."""


def cpca(p: Given, x: Tensor, r: int, form: str = "paper") -> Tensor:
    if form == "released":
        x = functional.gelu(p.conv("mix", x))
    mean, peak = (p.layer("mlp.2", relu(p.layer("mlp.0", pool))) for pool in (x.mean((2, 3)), x.amax((2, 3))))
    gate = sigmoid(mean) + sigmoid(peak) if form == "released" else sigmoid(mean + peak)
    z = x * gate[:, :, None, None]
    local = p.conv("local", z, padding=2, groups=x.shape[1])
    total = local
    for index, kernel in enumerate((7, 11, 21)):
        row = p.conv(f"strips.{index}.0", local, padding=(0, kernel // 2), groups=x.shape[1])
        total = total + p.conv(f"strips.{index}.1", row, padding=(kernel // 2, 0), groups=x.shape[1])
    y = z * p.conv("mix", total)
    return p.conv("mix", y) if form == "released" else y


@pytest.mark.parametrize("training", [True, False], ids=["train", "eval"])
@pytest.mark.parametrize("hyperparameters", SMALL["cpca"], ids=label)
def test_the_module_is_its_formula(hyperparameters: dict[str, Any], training: bool) -> None:
    assert_formula("cpca", cpca, hyperparameters, training)


@pytest.mark.parametrize(("hyperparameters", "at_64", "at_256"), PARAMETERS)
def test_the_parameters_are_counted(hyperparameters: dict[str, Any], at_64: int | None, at_256: int) -> None:
    assert_parameters("cpca", hyperparameters, at_64, at_256)
