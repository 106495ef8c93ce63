"""SimAM: its formula, written from its paper, and its published numbers of parameters."""

from __future__ import annotations

from typing import Any

import pytest
from torch import Tensor

from tests.attnctl.attention.attention_cases import SMALL, Counts, label
from tests.attnctl.attention.formulas import (
    HEIGHT,
    WIDTH,
    Given,
    assert_formula,
    assert_parameters,
    sigmoid,
)

PARAMETERS: Counts = [({}, 0, 0)]
"""Hyperparameters, and the parameters at 64 and at 256 channels; None where the setting does not fit."""


def simam(p: Given, x: Tensor, e_lambda: float) -> Tensor:
    squared = (x - x.mean((2, 3), keepdim=True)) ** 2
    variance = squared.sum((2, 3), keepdim=True) / (HEIGHT * WIDTH - 1)
    return x * sigmoid((squared + 2 * variance + 2 * e_lambda) / (4 * (variance + e_lambda)))  # one over equation 5


@pytest.mark.parametrize("training", [True, False], ids=["train", "eval"])
@pytest.mark.parametrize("hyperparameters", SMALL["simam"], ids=label)
def test_the_module_is_its_papers_formula(hyperparameters: dict[str, Any], training: bool) -> None:
    assert_formula("simam", simam, hyperparameters, training)


@pytest.mark.parametrize(("hyperparameters", "at_64", "at_256"), PARAMETERS)
def test_the_parameters_are_the_published_ones(hyperparameters: dict[str, Any], at_64: int | None, at_256: int) -> None:
    assert_parameters("simam", hyperparameters, at_64, at_256)
