"""CA with group norm: its formula, written from its paper, and its published numbers of parameters."""

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
    group_norm,
)

PARAMETERS: Counts = [
    ({}, 1552, 6160),
    ({"r": 24}, 1552, 7700),
    ({"r": 16}, 1552, 12320),
]
"""Hyperparameters, and the parameters at 64 and at 256 channels; None where the setting does not fit."""


def ca_gn(p: Given, x: Tensor, num_groups: int = 1, **_: object) -> Tensor:
    return coordinate(p, x, lambda z: group_norm(z, num_groups, p["norm.weight"], p["norm.bias"]))


@pytest.mark.parametrize("training", [True, False], ids=["train", "eval"])
@pytest.mark.parametrize("hyperparameters", SMALL["ca_gn"], ids=label)
def test_the_module_is_its_papers_formula(hyperparameters: dict[str, Any], training: bool) -> None:
    assert_formula("ca_gn", ca_gn, hyperparameters, training)


@pytest.mark.parametrize(("hyperparameters", "at_64", "at_256"), PARAMETERS)
def test_the_parameters_are_the_published_ones(hyperparameters: dict[str, Any], at_64: int | None, at_256: int) -> None:
    assert_parameters("ca_gn", hyperparameters, at_64, at_256)
