"""CBAM: its formula, written from its paper, and its published numbers of parameters."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from tests.attnctl.attention.attention_cases import SMALL, Counts, label
from tests.attnctl.attention.formulas import (
    Given,
    assert_formula,
    assert_parameters,
    relu,
    sigmoid,
)

PARAMETERS: Counts = [
    ({}, 680, 8564),
    ({"r": 32}, 422, 4460),
    ({"min_channels": 8}, 1196, 8564),
    ({"bias": False, "bn": False}, 610, 8290),
    ({"r": 32, "bias": False, "bn": False}, 354, 4194),
    ({"kernel": 3, "bias": False, "bn": False}, 530, 8210),
]
"""Hyperparameters, and the parameters at 64 and at 256 channels; None where the setting does not fit."""


def cbam(p: Given, x: Tensor, kernel: int, bn: bool = True, **_: object) -> Tensor:
    def mlp(z: Tensor) -> Tensor:
        return p.layer("mlp.2", relu(p.layer("mlp.0", z)))

    gate = sigmoid(mlp(x.mean((2, 3))) + mlp(x.flatten(2).max(2).values))
    y = x * gate[:, :, None, None]
    pools = torch.stack([y.max(1).values, y.mean(1)], 1)
    plane = p.conv("conv", pools, padding=kernel // 2)
    return y * sigmoid(p.batch_norm("norm", plane) if bn else plane)


@pytest.mark.parametrize("training", [True, False], ids=["train", "eval"])
@pytest.mark.parametrize("hyperparameters", SMALL["cbam"], ids=label)
def test_the_module_is_its_papers_formula(hyperparameters: dict[str, Any], training: bool) -> None:
    assert_formula("cbam", cbam, hyperparameters, training)


@pytest.mark.parametrize(("hyperparameters", "at_64", "at_256"), PARAMETERS)
def test_the_parameters_are_the_published_ones(hyperparameters: dict[str, Any], at_64: int | None, at_256: int) -> None:
    assert_parameters("cbam", hyperparameters, at_64, at_256)
