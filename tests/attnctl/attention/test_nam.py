"""NAM: its formula, written from its paper, and its published numbers of parameters."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from tests.attnctl.attention.attention_cases import SMALL, Counts, label, randomised
from tests.attnctl.attention.formulas import (
    CHANNELS,
    EPS,
    HEIGHT,
    WIDTH,
    Given,
    assert_formula,
    assert_parameters,
    sigmoid,
)

PARAMETERS: Counts = [
    ({}, 128, 512),
    ({"gates": "spatial"}, 2 * 35, 2 * 35),
    ({"gates": "both"}, 128 + 70, 512 + 70),
    ({"share": "printed"}, 128, 512),
]
"""Hyperparameters, and the parameters at 64 and at 256 channels; None where the setting does not fit."""


def nam(p: Given, x: Tensor, gates: str = "channel", share: str = "absolute", **_: object) -> Tensor:
    def weights(scales: Tensor) -> Tensor:
        if share == "printed":
            return torch.stack([scale / scales.sum() for scale in scales])
        return scales.detach().abs() / scales.detach().abs().sum()  # as released

    if gates != "spatial":
        x = x * sigmoid(weights(p["channel.weight"])[:, None, None] * p.batch_norm("channel", x))
    if gates != "channel":
        pixels = x.flatten(2).transpose(1, 2)  # (B, H W, C)
        gate = sigmoid(weights(p["spatial.weight"])[:, None] * p.batch_norm("spatial", pixels))
        x = x * gate.transpose(1, 2).reshape(x.shape)
    return x


@pytest.mark.parametrize("training", [True, False], ids=["train", "eval"])
@pytest.mark.parametrize("hyperparameters", SMALL["nam"], ids=label)
def test_the_module_is_its_papers_formula(hyperparameters: dict[str, Any], training: bool) -> None:
    assert_formula("nam", nam, hyperparameters, training)


@pytest.mark.parametrize(("hyperparameters", "at_64", "at_256"), PARAMETERS)
def test_the_parameters_are_the_published_ones(hyperparameters: dict[str, Any], at_64: int | None, at_256: int) -> None:
    assert_parameters("nam", hyperparameters, at_64, at_256)


def test_the_gradient_treats_nams_share_of_scales_as_constant() -> None:
    """d y / d gamma is that of the norm alone, as in the released code."""
    module = randomised("nam", CHANNELS)
    x = torch.randn(3, CHANNELS, HEIGHT, WIDTH, dtype=torch.float64)
    gamma = module.channel.weight
    share = (gamma.abs() / gamma.abs().sum()).detach()[:, None, None]
    standard = (x - x.mean((0, 2, 3), keepdim=True)) / torch.sqrt(x.var((0, 2, 3), unbiased=False, keepdim=True) + EPS)
    expected = x * sigmoid(share * (gamma[:, None, None] * standard + module.channel.bias[:, None, None]))
    (theirs,) = torch.autograd.grad(expected.sin().sum(), gamma)
    (mine,) = torch.autograd.grad(module(x).sin().sum(), gamma)
    torch.testing.assert_close(mine, theirs)


@pytest.mark.parametrize("gates", ["channel", "spatial", "both"])
def test_nams_penalty_is_the_sum_of_its_scales_sizes(gates: str) -> None:
    module = randomised("nam", CHANNELS, (HEIGHT, WIDTH), gates=gates, penalty=0.25)
    scales = [value for name, value in module.named_parameters() if name.endswith("weight")]
    assert len(scales) == (2 if gates == "both" else 1)
    torch.testing.assert_close(module.extra_loss(), 0.25 * sum(value.abs().sum() for value in scales))
