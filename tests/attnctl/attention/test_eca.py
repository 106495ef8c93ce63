"""ECA: its formula, written from its paper, and its published numbers of parameters."""

from __future__ import annotations

from math import log2
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from tests.attnctl.attention.attention_cases import SMALL, Counts, label
from tests.attnctl.attention.formulas import (
    Given,
    assert_formula,
    assert_parameters,
    sigmoid,
)

PARAMETERS: Counts = [({}, 3, 5), ({"kernel": 3}, 3, 3)]
"""Hyperparameters, and the parameters at 64 and at 256 channels; None where the setting does not fit."""


def eca(p: Given, x: Tensor, kernel: int | None = None) -> Tensor:
    """The size by equation 12: (log2 C + 1) / 2 cut to a whole number, and one more where that is even."""
    size = int((log2(x.shape[1]) + 1) / 2)
    size = kernel or size + (size % 2 == 0)
    weight = p["conv.weight"].flatten()
    assert len(weight) == size
    y = torch.empty_like(x)
    for n in range(x.shape[0]):
        z = functional.pad(x[n].mean((1, 2)), (size // 2, size // 2))
        for c in range(x.shape[1]):
            y[n, c] = x[n, c] * sigmoid(torch.stack([weight[j] * z[c + j] for j in range(size)]).sum())
    return y


@pytest.mark.parametrize("training", [True, False], ids=["train", "eval"])
@pytest.mark.parametrize("hyperparameters", SMALL["eca"], ids=label)
def test_the_module_is_its_papers_formula(hyperparameters: dict[str, Any], training: bool) -> None:
    assert_formula("eca", eca, hyperparameters, training)


@pytest.mark.parametrize(("hyperparameters", "at_64", "at_256"), PARAMETERS)
def test_the_parameters_are_the_published_ones(hyperparameters: dict[str, Any], at_64: int | None, at_256: int) -> None:
    assert_parameters("eca", hyperparameters, at_64, at_256)
