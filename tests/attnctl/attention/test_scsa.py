"""SCSA: its formula, written from its authors' text and code, and its numbers of parameters."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from tests.attnctl.attention.attention_cases import SMALL, Counts, label
from tests.attnctl.attention.formulas import Given, assert_formula, assert_parameters, group_norm, sigmoid

PARAMETERS: Counts = [({}, 1024, 4096)]
"""Hyperparameters, and the parameters at 64 and at 256 channels; None where the setting does not fit."""


def scsa(p: Given, x: Tensor, window: int = 7, heads: int = 1) -> Tensor:
    def strip(values: Tensor, norm: str) -> Tensor:
        """values: (B, C, L)."""
        out = torch.zeros_like(values)
        for c in range(values.shape[1]):
            quarter, index = divmod(c, values.shape[1] // 4)
            weight, bias = p[f"strips.{quarter}.weight"][index, 0], p[f"strips.{quarter}.bias"][index]
            padded = functional.pad(values[:, c], (len(weight) // 2, len(weight) // 2))
            out[:, c] = bias + sum(weight[k] * padded[:, k : k + values.shape[2]] for k in range(len(weight)))
        return sigmoid(group_norm(out, 4, p[f"{norm}.weight"], p[f"{norm}.bias"]))

    z = x * strip(x.mean(3), "norm_h")[..., None] * strip(x.mean(2), "norm_w")[:, :, None]
    high, wide = min(window, x.shape[2]), min(window, x.shape[3])
    rows = [
        torch.stack(
            [z[:, :, i : i + high, j : j + wide].mean((2, 3)) for j in range(0, z.shape[3] - wide + 1, wide)], 2
        )
        for i in range(0, z.shape[2] - high + 1, high)
    ]
    pooled = group_norm(torch.stack(rows, 2), 1, p["norm.weight"], p["norm.bias"]).flatten(2)  # (B, C, cells)
    q, k, v = (pooled * p[f"{name}.weight"].view(1, -1, 1) for name in "qkv")
    width = x.shape[1] // heads
    gates = []
    for head in range(heads):
        part = slice(head * width, (head + 1) * width)
        scores = torch.exp(torch.einsum("bcn,bdn->bcd", q[:, part], k[:, part]) / width**0.5)
        gates.append(torch.einsum("bcd,bdn->bcn", scores / scores.sum(2, keepdim=True), v[:, part]).mean(2))
    return z * sigmoid(torch.cat(gates, 1))[:, :, None, None]


@pytest.mark.parametrize("training", [True, False], ids=["train", "eval"])
@pytest.mark.parametrize("hyperparameters", SMALL["scsa"], ids=label)
def test_the_module_is_its_formula(hyperparameters: dict[str, Any], training: bool) -> None:
    assert_formula("scsa", scsa, hyperparameters, training)


@pytest.mark.parametrize(("hyperparameters", "at_64", "at_256"), PARAMETERS)
def test_the_parameters_are_counted(hyperparameters: dict[str, Any], at_64: int | None, at_256: int) -> None:
    assert_parameters("scsa", hyperparameters, at_64, at_256)
