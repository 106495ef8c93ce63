"""MLCA: its formula, written from its authors' text and code, and its numbers of parameters."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from tests.attnctl.attention.attention_cases import SMALL, Counts, label
from tests.attnctl.attention.formulas import Given, assert_formula, assert_parameters, sigmoid

PARAMETERS: Counts = [({}, 6, 10)]
"""Hyperparameters, and the parameters at 64 and at 256 channels; None where the setting does not fit."""


def mlca(p: Given, x: Tensor, size: int, weight: float = 0.5) -> Tensor:
    def across(name: str, values: Tensor) -> Tensor:
        """values: (B, L)."""
        kernel = p[f"{name}.weight"].flatten()
        padded = functional.pad(values, (len(kernel) // 2, len(kernel) // 2))
        return sum((kernel[k] * padded[:, k : k + values.shape[1]] for k in range(len(kernel))), torch.zeros(()))

    cells = functional.adaptive_avg_pool2d(x, size)
    rows = [cells[:, :, i, j] for i in range(size) for j in range(size)]
    local = sigmoid(across("local", torch.cat(rows, 1))).view(x.shape[0], size, size, -1).permute(0, 3, 1, 2)
    whole = sigmoid(across("whole", cells.mean((2, 3))))[:, :, None, None]
    height, width = x.shape[2:]
    return x * functional.adaptive_avg_pool2d(weight * local + (1 - weight) * whole, (height, width))


@pytest.mark.parametrize("training", [True, False], ids=["train", "eval"])
@pytest.mark.parametrize("hyperparameters", SMALL["mlca"], ids=label)
def test_the_module_is_its_formula(hyperparameters: dict[str, Any], training: bool) -> None:
    assert_formula("mlca", mlca, hyperparameters, training)


@pytest.mark.parametrize(("hyperparameters", "at_64", "at_256"), PARAMETERS)
def test_the_parameters_are_counted(hyperparameters: dict[str, Any], at_64: int | None, at_256: int) -> None:
    assert_parameters("mlca", hyperparameters, at_64, at_256)
