"""CA: its formula, written from its paper, and its published numbers of parameters."""

from __future__ import annotations

from typing import Any

import pytest
from torch import Tensor

from tests.attnctl.attention.attention_cases import SMALL, Counts, label
from tests.attnctl.attention.formulas import (
    Given,
    assert_formula,
    assert_parameters,
    coordinate,
)

PARAMETERS: Counts = [
    ({}, 1688, 6680),
    ({"r": 24}, 1688, 8222),
    ({"r": 16}, 1688, 12848),
    ({"r": 8}, 1688, 25184),
    ({"min_channels": 1, "bias": False}, 388, 6160),
    ({"r": 24, "min_channels": 1, "bias": False}, 388, 7700),
    ({"r": 16, "min_channels": 1, "bias": False}, 776, 12320),
]
"""Hyperparameters, and the parameters at 64 and at 256 channels; None where the setting does not fit."""


def ca(p: Given, x: Tensor, **_: object) -> Tensor:
    return coordinate(p, x, lambda z: p.batch_norm("norm", z))


@pytest.mark.parametrize("training", [True, False], ids=["train", "eval"])
@pytest.mark.parametrize("hyperparameters", SMALL["ca"], ids=label)
def test_the_module_is_its_papers_formula(hyperparameters: dict[str, Any], training: bool) -> None:
    assert_formula("ca", ca, hyperparameters, training)


@pytest.mark.parametrize(("hyperparameters", "at_64", "at_256"), PARAMETERS)
def test_the_parameters_are_the_published_ones(hyperparameters: dict[str, Any], at_64: int | None, at_256: int) -> None:
    assert_parameters("ca", hyperparameters, at_64, at_256)
