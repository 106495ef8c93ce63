"""IN: its formula, written from its paper, and its numbers of parameters."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from attnctl import attention
from tests.attnctl.attention.attention_cases import SMALL, Counts, label
from tests.attnctl.attention.formulas import EPS, Given, assert_formula, assert_parameters

PARAMETERS: Counts = [({}, 128, 512)]
"""Hyperparameters, and the parameters at 64 and at 256 channels; None where the setting does not fit."""


def instance(p: Given, x: Tensor) -> Tensor:
    y = torch.empty_like(x)
    for n in range(x.shape[0]):
        for c in range(x.shape[1]):
            part = x[n, c]
            standard = (part - part.mean()) / torch.sqrt(part.var(unbiased=False) + EPS)
            y[n, c] = p["weight"][c] * standard + p["bias"][c]
    return y


@pytest.mark.parametrize("training", [True, False], ids=["train", "eval"])
@pytest.mark.parametrize("hyperparameters", SMALL["in"], ids=label)
def test_the_module_is_its_papers_formula(hyperparameters: dict[str, Any], training: bool) -> None:
    assert_formula("in", instance, hyperparameters, training)


@pytest.mark.parametrize(("hyperparameters", "at_64", "at_256"), PARAMETERS)
def test_the_parameters_are_counted(hyperparameters: dict[str, Any], at_64: int | None, at_256: int) -> None:
    assert_parameters("in", hyperparameters, at_64, at_256)


def test_the_initial_norm_is_torchs() -> None:
    x = torch.randn(2, 64, 5, 7)
    torch.testing.assert_close(attention.create("in", 64)(x), nn.InstanceNorm2d(64)(x))
