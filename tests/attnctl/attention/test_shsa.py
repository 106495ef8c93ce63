"""SHSA: its formula, written from its paper and its authors' code, and its numbers of parameters."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from attnctl import attention
from tests.attnctl.attention.attention_cases import SMALL, Counts, label
from tests.attnctl.attention.formulas import Given, assert_formula, assert_parameters, group_norm, relu

PARAMETERS: Counts = [({}, 5120, 72512)]
"""Hyperparameters, and the parameters at 64 and at 256 channels; None where the setting does not fit."""


def shsa(p: Given, x: Tensor, r: int, D: int) -> Tensor:  # noqa: N803 - a paper's symbol
    part = x.shape[1] // r
    normed = group_norm(x[:, :part], 1, p["norm.weight"], p["norm.bias"])
    qkv = p.batch_norm("qkv.1", p.conv("qkv.0", normed)).flatten(2)  # (B, 2 D + part, N)
    q, k, v = qkv[:, :D], qkv[:, D : 2 * D], qkv[:, 2 * D :]
    products = torch.einsum("bdi,bdj->bij", q, k) / D**0.5
    scores = torch.exp(products - products.amax(2, keepdim=True))
    mixed = torch.einsum("bij,bcj->bci", scores / scores.sum(2, keepdim=True), v).reshape(x[:, :part].shape)
    z = torch.cat([mixed, x[:, part:]], 1)
    return x + p.batch_norm("proj.2", p.conv("proj.1", relu(z)))


@pytest.mark.parametrize("training", [True, False], ids=["train", "eval"])
@pytest.mark.parametrize("hyperparameters", SMALL["shsa"], ids=label)
def test_the_module_is_its_formula(hyperparameters: dict[str, Any], training: bool) -> None:
    assert_formula("shsa", shsa, hyperparameters, training)


@pytest.mark.parametrize(("hyperparameters", "at_64", "at_256"), PARAMETERS)
def test_the_parameters_are_counted(hyperparameters: dict[str, Any], at_64: int | None, at_256: int) -> None:
    assert_parameters("shsa", hyperparameters, at_64, at_256)


def test_the_module_passes_its_input_at_the_start() -> None:
    x = torch.randn(2, 64, 5, 7)
    assert torch.equal(attention.create("shsa", 64)(x), x)
