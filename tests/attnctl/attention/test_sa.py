"""SA: its formula, written from its paper, and its published numbers of parameters."""

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

PARAMETERS: Counts = [({"G": 64}, None, 12), ({"G": 32}, 6, 24), ({}, 24, 96)]
"""Hyperparameters, and the parameters at 64 and at 256 channels; None where the setting does not fit."""


def sa(p: Given, x: Tensor, G: int) -> Tensor:  # noqa: N803 - the papers' symbol, as below
    y, c = torch.empty_like(x), x.shape[1]
    half = c // (2 * G)
    for n in range(x.shape[0]):
        gated = torch.empty_like(x[n])
        for g in range(G):
            for k in range(half):
                first, second = x[n, 2 * g * half + k], x[n, (2 * g + 1) * half + k]
                w, b = p["channel_weight"][k], p["channel_bias"][k]
                gated[2 * g * half + k] = first * sigmoid(w * first.mean() + b)
                normed = (second - second.mean()) / torch.sqrt(second.var(unbiased=False) + EPS)
                normed = normed * p["norm_weight"][k] + p["norm_bias"][k]
                gated[(2 * g + 1) * half + k] = second * sigmoid(p["spatial_weight"][k] * normed + p["spatial_bias"][k])
        for j in range(c // 2):
            y[n, 2 * j], y[n, 2 * j + 1] = gated[j], gated[c // 2 + j]
    return y


@pytest.mark.parametrize("training", [True, False], ids=["train", "eval"])
@pytest.mark.parametrize("hyperparameters", SMALL["sa"], ids=label)
def test_the_module_is_its_papers_formula(hyperparameters: dict[str, Any], training: bool) -> None:
    assert_formula("sa", sa, hyperparameters, training)


@pytest.mark.parametrize(("hyperparameters", "at_64", "at_256"), PARAMETERS)
def test_the_parameters_are_the_published_ones(hyperparameters: dict[str, Any], at_64: int | None, at_256: int) -> None:
    assert_parameters("sa", hyperparameters, at_64, at_256)


def test_the_initial_output_is_known() -> None:
    """The gate begins with a weight of zero and a bias of one: sigmoid(1)."""
    x = torch.randn(2, 64, 5, 7)
    y = attention.create("sa", 64).eval()(x)
    x = x.view(2, 2, 32, 5, 7).transpose(1, 2).reshape(x.shape)
    torch.testing.assert_close(y, 0.7310585786 * x)
