"""The non-local block: its formula, written from its paper, and its numbers of parameters."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from attnctl import attention
from tests.attnctl.attention.attention_cases import SMALL, Counts, label
from tests.attnctl.attention.formulas import Given, assert_formula, assert_parameters

PARAMETERS: Counts = [({}, 8480, 132224), ({"r": 8}, 2264, 33632)]
"""Hyperparameters, and the parameters at 64 and at 256 channels; None where the setting does not fit."""


def nl(p: Given, x: Tensor, r: int, affinity: str = "embedded", scaled: bool = False) -> Tensor:
    theta, phi, values = (p.conv(name, x).flatten(2) for name in ("theta", "phi", "g"))
    products = torch.einsum("bci,bcj->bij", theta, phi)
    if scaled:
        products = products / x.shape[1] ** 0.5
    if affinity == "embedded":
        weights = torch.exp(products - products.amax(2, keepdim=True))
        weights = weights / weights.sum(2, keepdim=True)
    else:
        weights = products / (x.shape[2] * x.shape[3])
    mixed = torch.einsum("bij,bcj->bci", weights, values).unflatten(2, x.shape[2:])
    return x + p.batch_norm("norm", p.conv("z", mixed))


@pytest.mark.parametrize("training", [True, False], ids=["train", "eval"])
@pytest.mark.parametrize("hyperparameters", SMALL["nl"], ids=label)
def test_the_module_is_its_formula(hyperparameters: dict[str, Any], training: bool) -> None:
    assert_formula("nl", nl, hyperparameters, training)


@pytest.mark.parametrize(("hyperparameters", "at_64", "at_256"), PARAMETERS)
def test_the_parameters_are_counted(hyperparameters: dict[str, Any], at_64: int | None, at_256: int) -> None:
    assert_parameters("nl", hyperparameters, at_64, at_256)


def test_the_block_passes_its_input_at_the_start() -> None:
    x = torch.randn(2, 64, 5, 7)
    assert torch.equal(attention.create("nl", 64)(x), x)
