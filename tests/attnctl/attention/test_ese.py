"""eSE: its formula, written from its paper and its authors' code, and its numbers of parameters."""

from __future__ import annotations

from typing import Any

import pytest
from torch import Tensor

from tests.attnctl.attention.attention_cases import SMALL, Counts, label
from tests.attnctl.attention.formulas import Given, assert_formula, assert_parameters, relu, sigmoid

PARAMETERS: Counts = [({}, 4160, 65792)]
"""Hyperparameters, and the parameters at 64 and at 256 channels; None where the setting does not fit."""


def ese(p: Given, x: Tensor, form: str = "paper") -> Tensor:
    z = p.layer("layer", x.mean((2, 3)))
    gate = sigmoid(z) if form == "paper" else relu(z + 3).clamp(max=6) / 6
    return x * gate[:, :, None, None]


@pytest.mark.parametrize("training", [True, False], ids=["train", "eval"])
@pytest.mark.parametrize("hyperparameters", SMALL["ese"], ids=label)
def test_the_module_is_its_formula(hyperparameters: dict[str, Any], training: bool) -> None:
    of_gradients = (
        1e-6 if hyperparameters.get("form") == "released" else 1e-9
    )  # torch's hard sigmoid has a float32 slope
    assert_formula("ese", ese, hyperparameters, training, of_gradients=of_gradients)


@pytest.mark.parametrize(("hyperparameters", "at_64", "at_256"), PARAMETERS)
def test_the_parameters_are_counted(hyperparameters: dict[str, Any], at_64: int | None, at_256: int) -> None:
    assert_parameters("ese", hyperparameters, at_64, at_256)
