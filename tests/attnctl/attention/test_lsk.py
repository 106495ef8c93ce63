"""LSK: its formula, written from its paper and its authors' code, and its numbers of parameters."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from tests.attnctl.attention.attention_cases import SMALL, Counts, label
from tests.attnctl.attention.formulas import Given, assert_formula, assert_parameters, sigmoid

PARAMETERS: Counts = [({}, 11334, 118470)]
"""Hyperparameters, and the parameters at 64 and at 256 channels; None where the setting does not fit."""


def lsk(p: Given, x: Tensor) -> Tensor:
    near = p.conv("near", x, padding=2, groups=x.shape[1])
    far = p.conv("far", near, padding=9, dilation=3, groups=x.shape[1])
    a, b = p.conv("near_out", near), p.conv("far_out", far)
    both = torch.cat([a, b], 1)
    select = sigmoid(p.conv("select", torch.stack([both.mean(1), both.amax(1)], 1), padding=3))
    return x * p.conv("out", a * select[:, 0:1] + b * select[:, 1:2])


@pytest.mark.parametrize("training", [True, False], ids=["train", "eval"])
@pytest.mark.parametrize("hyperparameters", SMALL["lsk"], ids=label)
def test_the_module_is_its_formula(hyperparameters: dict[str, Any], training: bool) -> None:
    assert_formula("lsk", lsk, hyperparameters, training)


@pytest.mark.parametrize(("hyperparameters", "at_64", "at_256"), PARAMETERS)
def test_the_parameters_are_counted(hyperparameters: dict[str, Any], at_64: int | None, at_256: int) -> None:
    assert_parameters("lsk", hyperparameters, at_64, at_256)
