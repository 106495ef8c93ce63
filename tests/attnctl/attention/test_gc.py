"""GC: its formula, written from its paper, and its published numbers of parameters."""

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
    relu,
)

PARAMETERS: Counts = [({}, 653, 8753)]
"""Hyperparameters, and the parameters at 64 and at 256 channels; None where the setting does not fit."""


def gc(p: Given, x: Tensor, **_: object) -> Tensor:
    keys = torch.exp(p.conv("key", x))
    attention = keys / keys.sum((2, 3), keepdim=True)
    hidden = p.layer("transform.0", (x * attention).sum((2, 3)))
    normed = (hidden - hidden.mean(1, keepdim=True)) / torch.sqrt(hidden.var(1, unbiased=False, keepdim=True) + EPS)
    normed = normed * p["transform.1.weight"] + p["transform.1.bias"]
    return x + p.layer("transform.3", relu(normed))[:, :, None, None]


@pytest.mark.parametrize("training", [True, False], ids=["train", "eval"])
@pytest.mark.parametrize("hyperparameters", SMALL["gc"], ids=label)
def test_the_module_is_its_papers_formula(hyperparameters: dict[str, Any], training: bool) -> None:
    assert_formula("gc", gc, hyperparameters, training)


@pytest.mark.parametrize(("hyperparameters", "at_64", "at_256"), PARAMETERS)
def test_the_parameters_are_the_published_ones(hyperparameters: dict[str, Any], at_64: int | None, at_256: int) -> None:
    assert_parameters("gc", hyperparameters, at_64, at_256)


def test_the_initial_output_is_known() -> None:
    x = torch.randn(2, 64, 5, 7)
    y = attention.create("gc", 64).eval()(x)
    torch.testing.assert_close(y, 1.0 * x)


def test_the_released_key_convolution_begins_kaiming_normal_without_bias() -> None:
    torch.manual_seed(0)
    module: Any = attention.create("gc", 2048, form="released")
    assert module.key.bias.item() == 0
    assert module.key.weight.std().item() == pytest.approx((2 / 2048) ** 0.5, rel=0.05)
    assert module.key.weight.abs().max() > 3 * module.key.weight.std()  # normal; a uniform one ends at 1.7
    default: Any = attention.create("gc", 2048)
    assert default.key.weight.std().item() == pytest.approx((1 / (3 * 2048)) ** 0.5, rel=0.05)
