"""EMA: its formula, written from its authors' text and code, and its numbers of parameters."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from tests.attnctl.attention.attention_cases import SMALL, Counts, label
from tests.attnctl.attention.formulas import EPS, Given, assert_formula, assert_parameters, sigmoid

PARAMETERS: Counts = [({}, 48, 672), ({"G": 8}, 672, 10368)]
"""Hyperparameters, and the parameters at 64 and at 256 channels; None where the setting does not fit."""


def softmax(z: Tensor) -> Tensor:
    """z: (B, C)."""
    return torch.exp(z) / torch.exp(z).sum(1, keepdim=True)


def ema(p: Given, x: Tensor, G: int) -> Tensor:  # noqa: N803 - the papers' symbol
    def group(part: Tensor) -> Tensor:
        """part: (B, C / G, H, W)."""
        high = p.conv("strips", part.mean(3, keepdim=True))
        wide = p.conv("strips", part.mean(2, keepdim=True))
        a = part * sigmoid(high) * sigmoid(wide)
        a = (a - a.mean((2, 3), keepdim=True)) / torch.sqrt(a.var((2, 3), unbiased=False, keepdim=True) + EPS)
        a = a * p["norm.weight"].view(1, -1, 1, 1) + p["norm.bias"].view(1, -1, 1, 1)
        b = p.conv("local", part, padding=1)
        first = torch.einsum("bc,bchw->bhw", softmax(a.mean((2, 3))), b)
        second = torch.einsum("bc,bchw->bhw", softmax(b.mean((2, 3))), a)
        return part * sigmoid(first + second)[:, None]

    return torch.cat([group(part) for part in x.chunk(G, 1)], 1)


@pytest.mark.parametrize("training", [True, False], ids=["train", "eval"])
@pytest.mark.parametrize("hyperparameters", SMALL["ema"], ids=label)
def test_the_module_is_its_formula(hyperparameters: dict[str, Any], training: bool) -> None:
    assert_formula("ema", ema, hyperparameters, training)


@pytest.mark.parametrize(("hyperparameters", "at_64", "at_256"), PARAMETERS)
def test_the_parameters_are_counted(hyperparameters: dict[str, Any], at_64: int | None, at_256: int) -> None:
    assert_parameters("ema", hyperparameters, at_64, at_256)
