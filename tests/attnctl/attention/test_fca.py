"""FCA: its formula, written from its paper, and its published numbers of parameters."""

from __future__ import annotations

from math import cos, pi, sqrt
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from tests.attnctl.attention.attention_cases import SMALL, Counts, label, randomised
from tests.attnctl.attention.formulas import (
    CHANNELS,
    Given,
    assert_formula,
    assert_parameters,
    relu,
    sigmoid,
)

PARAMETERS: Counts = [({}, 512, 8192)]
"""Hyperparameters, and the parameters at 64 and at 256 channels; None where the setting does not fit."""


def fca(p: Given, x: Tensor, frequencies: int, map_size: tuple[int, int] | None = None, **_: object) -> Tensor:
    ranked = [(0, 0), (0, 1), (6, 0), (0, 5)][:frequencies]
    height, width = (max(size, 7) for size in map_size or (7, 7))
    maps = functional.adaptive_avg_pool2d(x, (height, width))
    pooled = torch.zeros(x.shape[:2], dtype=x.dtype)
    for c in range(x.shape[1]):
        row, column = ranked[c // (x.shape[1] // frequencies)]
        row, column = row * (height // 7), column * (width // 7)
        norm = sqrt((2 if row else 1) * (2 if column else 1) / (height * width))
        for i in range(height):
            for j in range(width):
                wave = cos(pi * row * (i + 0.5) / height) * cos(pi * column * (j + 0.5) / width)
                pooled[:, c] += norm * wave * maps[:, c, i, j]
    return x * sigmoid(p.layer("excite", relu(p.layer("squeeze", pooled))))[:, :, None, None]


@pytest.mark.parametrize("training", [True, False], ids=["train", "eval"])
@pytest.mark.parametrize("hyperparameters", SMALL["fca"], ids=label)
def test_the_module_is_its_papers_formula(hyperparameters: dict[str, Any], training: bool) -> None:
    assert_formula(
        "fca", fca, hyperparameters, training, accuracy=1e-6, of_gradients=1e-5
    )  # its cosines are made in float32


@pytest.mark.parametrize(("hyperparameters", "at_64", "at_256"), PARAMETERS)
def test_the_parameters_are_the_published_ones(hyperparameters: dict[str, Any], at_64: int | None, at_256: int) -> None:
    assert_parameters("fca", hyperparameters, at_64, at_256)


@pytest.mark.parametrize("size", [(14, 21), (9, 9), (4, 30)])
def test_fca_has_the_frequencies_of_its_map(size: tuple[int, int]) -> None:
    module = randomised("fca", CHANNELS, size, r=4, frequencies=4)
    x = torch.randn(2, CHANNELS, *size, dtype=torch.float64)
    torch.testing.assert_close(module(x), fca(Given(module), x, 4, size), rtol=1e-5, atol=1e-6)
