"""GE: its formula, written from its paper and its authors' networks, and its numbers of parameters."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from attnctl import attention
from attnctl.values import SpecError
from tests.attnctl.attention.attention_cases import SMALL, Counts, label
from tests.attnctl.attention.formulas import HEIGHT, WIDTH, Given, assert_formula, assert_parameters, relu, sigmoid

PARAMETERS: Counts = [
    ({}, 0, 0),
    ({"excite": "mlp"}, 580, 8464),  # SE with biases
    ({"variant": "theta"}, 2368, 9472),
    ({"variant": "theta", "extent": 8}, 2112, 8448),
    ({"variant": "plus", "extent": 2}, 1284, 11280),
]
"""Hyperparameters, and the parameters at 64 and at 256 channels; None where the setting does not fit."""


def ge(p: Given, x: Tensor, extent: int = 0, variant: str = "", excite: str = "none", r: int = 16) -> Tensor:
    gathered = x
    if variant and extent == 0:
        summed = (x * p["gather.0.weight"][:, 0]).sum((2, 3), keepdim=True)
        gathered = p.batch_norm("gather.1", summed)
    elif variant:
        for step in range(extent.bit_length() - 1):
            gathered = relu(gathered) if step else gathered
            gathered = p.conv(f"gather.{3 * step}", gathered, stride=2, padding=1, groups=x.shape[1])
            gathered = p.batch_norm(f"gather.{3 * step + 1}", gathered)
    elif extent == 0:
        gathered = x.mean((2, 3), keepdim=True)
    else:
        gathered = averages(x, extent)
    if variant == "plus":
        gathered = relu(gathered)
    if variant == "plus" or excite == "mlp":
        gathered = p.conv("excite.3", relu(p.conv("excite.1", gathered)))
    rows = [i * gathered.shape[2] // HEIGHT for i in range(HEIGHT)]
    columns = [j * gathered.shape[3] // WIDTH for j in range(WIDTH)]
    return x * sigmoid(gathered)[:, :, rows][:, :, :, columns]


def averages(x: Tensor, extent: int) -> Tensor:
    """The means of the positions less than `extent` from every `extent`-th one."""
    means = [
        x[:, :, max(0, i - extent + 1) : i + extent, max(0, j - extent + 1) : j + extent].mean((2, 3))
        for i in range(0, HEIGHT, extent)
        for j in range(0, WIDTH, extent)
    ]
    map_of_means: Tensor = torch.stack(means, 2).unflatten(2, (-1, len(range(0, WIDTH, extent))))
    return map_of_means


@pytest.mark.parametrize("training", [True, False], ids=["train", "eval"])
@pytest.mark.parametrize("hyperparameters", SMALL["ge"], ids=label)
def test_the_module_is_its_formula(hyperparameters: dict[str, Any], training: bool) -> None:
    assert_formula("ge", ge, hyperparameters, training)


@pytest.mark.parametrize(("hyperparameters", "at_64", "at_256"), PARAMETERS)
def test_the_parameters_are_counted(hyperparameters: dict[str, Any], at_64: int | None, at_256: int) -> None:
    assert_parameters("ge", hyperparameters, at_64, at_256)


def test_a_convolution_of_the_whole_map_requires_its_size() -> None:
    with pytest.raises(SpecError, match=r"ge gather=conv extent=0 at 16 channels needs map_size"):
        attention.create("ge", 16, variant="theta")
    module = attention.create("ge", 16, (4, 6), variant="theta")
    with pytest.raises(ValueError, match=r"made for maps of \(4, 6\), not \(6, 4\)"):
        module(torch.randn(2, 16, 6, 4))
