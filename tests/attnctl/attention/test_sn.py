"""Switchable norm: its formula, written from its paper, and its published numbers of parameters."""

from __future__ import annotations

from typing import Any

import pytest
from torch import Tensor

from tests.attnctl.attention.attention_cases import SMALL, Counts, label
from tests.attnctl.attention.formulas import (
    Given,
    assert_formula,
    assert_parameters,
    switchable,
)

PARAMETERS: Counts = [({}, 134, 518), ({"norms": "in,ln"}, 132, 516)]
"""Hyperparameters, and the parameters at 64 and at 256 channels; None where the setting does not fit."""


def sn(p: Given, x: Tensor, norms: str = "bn,in,ln", form: str = "paper") -> Tensor:
    names = ("in", "ln", "bn") if "bn" in norms else ("in", "ln")
    return switchable(p, x, names, "normalise.", form) * p["weight"] + p["bias"]


@pytest.mark.parametrize("training", [True, False], ids=["train", "eval"])
@pytest.mark.parametrize("hyperparameters", SMALL["sn"], ids=label)
def test_the_module_is_its_papers_formula(hyperparameters: dict[str, Any], training: bool) -> None:
    assert_formula("sn", sn, hyperparameters, training)


@pytest.mark.parametrize(("hyperparameters", "at_64", "at_256"), PARAMETERS)
def test_the_parameters_are_the_published_ones(hyperparameters: dict[str, Any], at_64: int | None, at_256: int) -> None:
    assert_parameters("sn", hyperparameters, at_64, at_256)
