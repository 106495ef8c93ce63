"""PDFAM: its formula, written from its paper, and its published numbers of parameters."""

from __future__ import annotations

from math import pi
from typing import Any

import pytest
import torch
from torch import Tensor

from tests.attnctl.attention.attention_cases import SMALL, Counts, label
from tests.attnctl.attention.formulas import (
    HEIGHT,
    WIDTH,
    Given,
    assert_formula,
    assert_parameters,
)

PARAMETERS: Counts = [({}, 192, 768)]
"""Hyperparameters, and the parameters at 64 and at 256 channels; None where the setting does not fit."""


def pdfam(p: Given, x: Tensor) -> Tensor:
    def softplus(z: Tensor) -> Tensor:
        return torch.log(1 + torch.exp(z))

    squared = (x - x.mean((2, 3), keepdim=True)) ** 2
    s2 = squared.sum((2, 3), keepdim=True) / (HEIGHT * WIDTH - 1) + 1e-4
    density = torch.exp(-squared / (2 * s2) * softplus(p["width"])) / torch.sqrt(2 * pi * s2)
    return x / (softplus(p["offset"]) + softplus(p["scale"]) * density + 1)


@pytest.mark.parametrize("training", [True, False], ids=["train", "eval"])
@pytest.mark.parametrize("hyperparameters", SMALL["pdfam"], ids=label)
def test_the_module_is_its_papers_formula(hyperparameters: dict[str, Any], training: bool) -> None:
    assert_formula("pdfam", pdfam, hyperparameters, training)


@pytest.mark.parametrize(("hyperparameters", "at_64", "at_256"), PARAMETERS)
def test_the_parameters_are_the_published_ones(hyperparameters: dict[str, Any], at_64: int | None, at_256: int) -> None:
    assert_parameters("pdfam", hyperparameters, at_64, at_256)
