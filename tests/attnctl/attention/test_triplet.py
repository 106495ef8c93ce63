"""Triplet attention: its formula, written from its paper, and its published numbers of parameters."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from tests.attnctl.attention.attention_cases import SMALL, Counts, label
from tests.attnctl.attention.formulas import (
    Given,
    assert_formula,
    assert_parameters,
    sigmoid,
)

PARAMETERS: Counts = [({}, 300, 300), ({"kernel": 3}, 60, 60)]
"""Hyperparameters, and the parameters at 64 and at 256 channels; None where the setting does not fit."""


def triplet(p: Given, x: Tensor, kernel: int) -> Tensor:
    def branch(name: str, turned: Tensor) -> Tensor:
        pools = torch.stack([turned.max(1).values, turned.mean(1)], 1)
        return turned * sigmoid(p.batch_norm(f"{name}.norm", p.conv(f"{name}.conv", pools, padding=kernel // 2)))

    height = branch("channel_width", x.permute(0, 2, 1, 3)).permute(0, 2, 1, 3)  # channels and height change places
    width = branch("height_channel", x.permute(0, 3, 2, 1)).permute(0, 3, 2, 1)  # channels and width
    return (branch("height_width", x) + height + width) / 3


@pytest.mark.parametrize("training", [True, False], ids=["train", "eval"])
@pytest.mark.parametrize("hyperparameters", SMALL["triplet"], ids=label)
def test_the_module_is_its_papers_formula(hyperparameters: dict[str, Any], training: bool) -> None:
    assert_formula("triplet", triplet, hyperparameters, training)


@pytest.mark.parametrize(("hyperparameters", "at_64", "at_256"), PARAMETERS)
def test_the_parameters_are_the_published_ones(hyperparameters: dict[str, Any], at_64: int | None, at_256: int) -> None:
    assert_parameters("triplet", hyperparameters, at_64, at_256)
