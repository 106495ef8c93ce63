"""SE: its formula, written from its paper, and its published numbers of parameters."""

from __future__ import annotations

from typing import Any

import pytest
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
    ({}, 512, 8192),
    ({"r": 32}, 256, 4096),
    ({"bias": True}, 580, 8464),
    ({"r": 8, "bias": True}, 1096, 16672),
    ({"bias": True, "min_channels": 8}, 1096, 8464),
]
"""Hyperparameters, and the parameters at 64 and at 256 channels; None where the setting does not fit."""


def se(p: Given, x: Tensor, **_: object) -> Tensor:
    s = sigmoid(p.layer("excite", relu(p.layer("squeeze", x.mean((2, 3))))))
    return x * s[:, :, None, None]


@pytest.mark.parametrize("training", [True, False], ids=["train", "eval"])
@pytest.mark.parametrize("hyperparameters", SMALL["se"], ids=label)
def test_the_module_is_its_papers_formula(hyperparameters: dict[str, Any], training: bool) -> None:
    assert_formula("se", se, hyperparameters, training)


@pytest.mark.parametrize(("hyperparameters", "at_64", "at_256"), PARAMETERS)
def test_the_parameters_are_the_published_ones(hyperparameters: dict[str, Any], at_64: int | None, at_256: int) -> None:
    assert_parameters("se", hyperparameters, at_64, at_256)
