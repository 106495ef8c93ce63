"""Group norm: its formula, written from its paper, and its published numbers of parameters."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from attnctl import attention
from tests.attnctl.attention.attention_cases import SMALL, Counts, label
from tests.attnctl.attention.formulas import (
    Given,
    assert_formula,
    assert_parameters,
    group_norm,
)

PARAMETERS: Counts = [({}, 128, 512)]
"""Hyperparameters, and the parameters at 64 and at 256 channels; None where the setting does not fit."""


def gn(p: Given, x: Tensor, num_groups: int) -> Tensor:
    return group_norm(x, num_groups, p["weight"], p["bias"])


@pytest.mark.parametrize("training", [True, False], ids=["train", "eval"])
@pytest.mark.parametrize("hyperparameters", SMALL["gn"], ids=label)
def test_the_module_is_its_papers_formula(hyperparameters: dict[str, Any], training: bool) -> None:
    assert_formula("gn", gn, hyperparameters, training)


@pytest.mark.parametrize(("hyperparameters", "at_64", "at_256"), PARAMETERS)
def test_the_parameters_are_the_published_ones(hyperparameters: dict[str, Any], at_64: int | None, at_256: int) -> None:
    assert_parameters("gn", hyperparameters, at_64, at_256)


def test_the_norm_is_initially_the_plain_norm() -> None:
    x = torch.randn(4, 64, 5, 7)
    groups = torch.nn.GroupNorm(32, 64)(x)
    torch.testing.assert_close(attention.create("gn", 64)(x), groups)
