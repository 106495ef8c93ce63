"""CAA: its formula, written from its paper and its authors' code, and its numbers of parameters."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from tests.attnctl.attention.attention_cases import SMALL, Counts, label
from tests.attnctl.attention.formulas import Given, assert_formula, assert_parameters, sigmoid

PARAMETERS: Counts = [({}, 9984, 138240), ({"kernel": 15}, 10496, 140288)]
"""Hyperparameters, and the parameters at 64 and at 256 channels; None where the setting does not fit."""


def caa(p: Given, x: Tensor, kernel: int) -> Tensor:
    def norm(name: str, values: Tensor) -> Tensor:
        mean, var = values.mean((0, 2, 3)), values.var((0, 2, 3), unbiased=False)
        if not p.training:
            mean, var = p[f"{name}.running_mean"], p[f"{name}.running_var"]
        scale = p[f"{name}.weight"] / torch.sqrt(var + 0.001)
        return (values - mean.view(1, -1, 1, 1)) * scale.view(1, -1, 1, 1) + p[f"{name}.bias"].view(1, -1, 1, 1)

    padded = functional.pad(x, (3, 3, 3, 3))
    shifted = [padded[:, :, i : i + x.shape[2], j : j + x.shape[3]] for i in range(7) for j in range(7)]
    y = norm("gate.2", p.conv("gate.1", torch.stack(shifted).sum(0) / 49))
    y = y * sigmoid(y)
    y = p.conv("gate.4", y, padding=(0, kernel // 2), groups=x.shape[1])
    y = p.conv("gate.5", y, padding=(kernel // 2, 0), groups=x.shape[1])
    y = norm("gate.7", p.conv("gate.6", y))
    return x * sigmoid(y * sigmoid(y))


@pytest.mark.parametrize("training", [True, False], ids=["train", "eval"])
@pytest.mark.parametrize("hyperparameters", SMALL["caa"], ids=label)
def test_the_module_is_its_formula(hyperparameters: dict[str, Any], training: bool) -> None:
    assert_formula("caa", caa, hyperparameters, training)


@pytest.mark.parametrize(("hyperparameters", "at_64", "at_256"), PARAMETERS)
def test_the_parameters_are_counted(hyperparameters: dict[str, Any], at_64: int | None, at_256: int) -> None:
    assert_parameters("caa", hyperparameters, at_64, at_256)
