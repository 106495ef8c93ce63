"""LSKA: its formula, written from its authors' text and code, and its numbers of parameters."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from attnctl import attention
from tests.attnctl.attention.attention_cases import SMALL, Counts, label
from tests.attnctl.attention.formulas import Given, assert_formula, assert_parameters

PARAMETERS: Counts = [({}, 5952, 72960), ({"kernel": 7}, 5184, 69888), ({"kernel": 53}, 7232, 78080)]
"""Hyperparameters, and the parameters at 64 and at 256 channels; None where the setting does not fit."""


def lska(p: Given, x: Tensor, kernel: int) -> Tensor:
    small, large, dilation = {7: (3, 3, 2), 23: (5, 7, 3)}[kernel]
    y = p.conv("gate.0", x, padding=(0, small // 2), groups=x.shape[1])
    y = p.conv("gate.1", y, padding=(small // 2, 0), groups=x.shape[1])
    wide = large // 2 * dilation
    y = p.conv("gate.2", y, padding=(0, wide), dilation=dilation, groups=x.shape[1])
    y = p.conv("gate.3", y, padding=(wide, 0), dilation=dilation, groups=x.shape[1])
    return x * p.conv("gate.4", y)


@pytest.mark.parametrize("training", [True, False], ids=["train", "eval"])
@pytest.mark.parametrize("hyperparameters", SMALL["lska"], ids=label)
def test_the_module_is_its_formula(hyperparameters: dict[str, Any], training: bool) -> None:
    assert_formula("lska", lska, hyperparameters, training)


@pytest.mark.parametrize(("hyperparameters", "at_64", "at_256"), PARAMETERS)
def test_the_parameters_are_counted(hyperparameters: dict[str, Any], at_64: int | None, at_256: int) -> None:
    assert_parameters("lska", hyperparameters, at_64, at_256)


@pytest.mark.parametrize("kernel", [7, 11, 23, 35, 41, 53])
def test_a_position_sees_as_far_as_the_kernel_says(kernel: int) -> None:
    module = attention.create("lska", 1, kernel=kernel)
    for parameter in module.parameters():
        torch.nn.init.ones_(parameter)
    x = torch.ones(1, 1, 1, 121, requires_grad=True)
    module(x)[0, 0, 0, 60].backward()
    assert x.grad is not None
    seen = x.grad[0, 0, 0].nonzero()
    assert seen.max() - seen.min() + 1 == {7: 7, 11: 11, 23: 23, 35: 35, 41: 41, 53: 53}[kernel]
