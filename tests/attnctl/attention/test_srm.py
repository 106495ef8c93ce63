"""SRM: its formula, written from its paper, and its published numbers of parameters."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from attnctl import attention
from tests.attnctl.attention.attention_cases import SMALL, Counts, label
from tests.attnctl.attention.formulas import (
    EPS,
    Given,
    assert_formula,
    assert_parameters,
    sigmoid,
)

PARAMETERS: Counts = [({}, 256, 1024)]
"""Hyperparameters, and the parameters at 64 and at 256 channels; None where the setting does not fit."""


def srm(p: Given, x: Tensor, form: str = "paper") -> Tensor:
    values = x.shape[2] * x.shape[3] - (form == "released")
    mean = x.mean((2, 3))
    std = torch.sqrt((x - mean[:, :, None, None]).square().sum((2, 3)) / values + EPS)
    z = mean * p["weight"][:, 0] + std * p["weight"][:, 1]
    return x * sigmoid(p.batch_norm("norm", z))[:, :, None, None]


@pytest.mark.parametrize("training", [True, False], ids=["train", "eval"])
@pytest.mark.parametrize("hyperparameters", SMALL["srm"], ids=label)
def test_the_module_is_its_papers_formula(hyperparameters: dict[str, Any], training: bool) -> None:
    assert_formula("srm", srm, hyperparameters, training)


@pytest.mark.parametrize(("hyperparameters", "at_64", "at_256"), PARAMETERS)
def test_the_parameters_are_the_published_ones(hyperparameters: dict[str, Any], at_64: int | None, at_256: int) -> None:
    assert_parameters("srm", hyperparameters, at_64, at_256)


def test_the_initial_output_is_known() -> None:
    x = torch.randn(2, 64, 5, 7)
    y = attention.create("srm", 64).eval()(x)
    torch.testing.assert_close(y, 0.5 * x)


@pytest.mark.parametrize("name", ["srm", "sn"])
def test_the_released_form_of_a_map_of_one_pixel_is_finite(name: str) -> None:
    """n - 1 is zero there: the authors' code divides by it."""
    module = attention.create(name, 16, form="released").train()
    assert torch.isfinite(module(torch.randn(4, 16, 1, 1))).all()
