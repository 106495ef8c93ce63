"""SGE: its formula, written from its paper, and its published numbers of parameters."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from attnctl import attention
from tests.attnctl.attention.attention_cases import SMALL, Counts, label
from tests.attnctl.attention.formulas import (
    EPS,
    HEIGHT,
    WIDTH,
    Given,
    assert_formula,
    assert_parameters,
    sigmoid,
)

PARAMETERS: Counts = [({}, 128, 128), ({"G": 8}, 16, 16)]
"""Hyperparameters, and the parameters at 64 and at 256 channels; None where the setting does not fit."""


def sge(p: Given, x: Tensor, G: int) -> Tensor:  # noqa: N803
    y = torch.empty_like(x)
    size = x.shape[1] // G
    for n in range(x.shape[0]):
        for g in range(G):
            part = x[n, g * size : (g + 1) * size]
            mean = part.mean((1, 2))
            c = torch.stack([torch.stack([mean @ part[:, i, j] for j in range(WIDTH)]) for i in range(HEIGHT)])
            c = (c - c.mean()) / (c.std() + EPS)
            y[n, g * size : (g + 1) * size] = part * sigmoid(p["weight"][0, g] * c + p["bias"][0, g])
    return y


@pytest.mark.parametrize("training", [True, False], ids=["train", "eval"])
@pytest.mark.parametrize("hyperparameters", SMALL["sge"], ids=label)
def test_the_module_is_its_papers_formula(hyperparameters: dict[str, Any], training: bool) -> None:
    assert_formula("sge", sge, hyperparameters, training)


@pytest.mark.parametrize(("hyperparameters", "at_64", "at_256"), PARAMETERS)
def test_the_parameters_are_the_published_ones(hyperparameters: dict[str, Any], at_64: int | None, at_256: int) -> None:
    assert_parameters("sge", hyperparameters, at_64, at_256)


def test_the_initial_output_is_known() -> None:
    """The gate begins with a weight of zero and a bias of one: sigmoid(1)."""
    x = torch.randn(2, 64, 5, 7)
    y = attention.create("sge", 64).eval()(x)
    torch.testing.assert_close(y, 0.7310585786 * x)
