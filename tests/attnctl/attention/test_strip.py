"""timm's strip attention: its formula, and its numbers of parameters."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from tests.attnctl.attention.attention_cases import SMALL, Counts, label
from tests.attnctl.attention.formulas import Given, assert_formula, assert_parameters, sigmoid

PARAMETERS: Counts = [({}, 384, 1536), ({"kernel": None}, 0, 0), ({"bias": True}, 512, 2048)]
"""Hyperparameters, and the parameters at 64 and at 256 channels; None where the setting does not fit."""


def strip(p: Given, x: Tensor, kernel: int | None = 3, bias: bool = False) -> Tensor:
    def refined(name: str, values: Tensor) -> Tensor:
        """values: (B, C, L)."""
        if kernel is None:
            return values
        out = torch.zeros_like(values) + (p[f"{name}.bias"][:, None] if bias else 0)
        for k in range(kernel):
            shift = k - kernel // 2
            for i in range(max(0, -shift), min(values.shape[2], values.shape[2] - shift)):
                out[:, :, i] = out[:, :, i] + p[f"{name}.weight"][:, 0, k] * values[:, :, i + shift]
        return out

    return x * sigmoid(refined("height", x.mean(3))[..., None] + refined("width", x.mean(2))[:, :, None])


@pytest.mark.parametrize("training", [True, False], ids=["train", "eval"])
@pytest.mark.parametrize("hyperparameters", SMALL["strip"], ids=label)
def test_the_module_is_its_formula(hyperparameters: dict[str, Any], training: bool) -> None:
    assert_formula("strip", strip, hyperparameters, training)


@pytest.mark.parametrize(("hyperparameters", "at_64", "at_256"), PARAMETERS)
def test_the_parameters_are_counted(hyperparameters: dict[str, Any], at_64: int | None, at_256: int) -> None:
    assert_parameters("strip", hyperparameters, at_64, at_256)
