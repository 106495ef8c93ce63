"""ELA: its formula, written from its paper, and its published numbers of parameters."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from tests.attnctl.attention.attention_cases import SMALL, Counts, label
from tests.attnctl.attention.formulas import (
    HEIGHT,
    WIDTH,
    Given,
    assert_formula,
    assert_parameters,
    group_norm,
    sigmoid,
)

PARAMETERS: Counts = [
    ({"variant": "t"}, 448, 1792),
    ({"kernel": 5, "groups": "c/8", "num_groups": 32}, 2688, 10752),  # table 4's T
    ({"variant": "b"}, 576, 2304),
    ({"variant": "s"}, 2688, 10752),
    ({"variant": "l"}, 3712, 14848),
]
"""Hyperparameters, and the parameters at 64 and at 256 channels; None where the setting does not fit."""


def ela(p: Given, x: Tensor, kernel: int, groups: str | int, num_groups: int, shared: bool = True) -> Tensor:
    """Equations 4 to 9: strip pooling, the convolution and norm, a sigmoid, the product."""
    c = x.shape[1]
    per_group = c // groups if isinstance(groups, int) else {"c": 1, "c/8": 8}[groups]

    def gate(name: str, strip: Tensor) -> Tensor:
        padded = functional.pad(strip, (kernel // 2, kernel // 2))
        out = torch.zeros_like(strip)
        for channel in range(c):
            first = channel // per_group * per_group
            for position in range(strip.shape[-1]):
                window = padded[:, first : first + per_group, position : position + kernel]
                out[:, channel, position] = (window * p[f"{name}.0.weight"][channel]).sum((1, 2))
        return sigmoid(group_norm(out, num_groups, p[f"{name}.1.weight"], p[f"{name}.1.bias"]))

    a, b = gate("height", x.sum(3) / WIDTH), gate("height" if shared else "width", x.sum(2) / HEIGHT)
    return x * a[:, :, :, None] * b[:, :, None, :]


@pytest.mark.parametrize("training", [True, False], ids=["train", "eval"])
@pytest.mark.parametrize("hyperparameters", SMALL["ela"], ids=label)
def test_the_module_is_its_papers_formula(hyperparameters: dict[str, Any], training: bool) -> None:
    assert_formula("ela", ela, hyperparameters, training)


@pytest.mark.parametrize(("hyperparameters", "at_64", "at_256"), PARAMETERS)
def test_the_parameters_are_the_published_ones(hyperparameters: dict[str, Any], at_64: int | None, at_256: int) -> None:
    assert_parameters("ela", hyperparameters, at_64, at_256)
