"""MCA: its formula, written from its authors' text and code, and its numbers of parameters."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from attnctl import attention
from tests.attnctl.attention.attention_cases import SMALL, Counts, label
from tests.attnctl.attention.formulas import Given, assert_formula, assert_parameters, sigmoid

PARAMETERS: Counts = [({}, 15, 17), ({"channel": False}, 10, 10)]
"""Hyperparameters, and the parameters at 64 and at 256 channels; None where the setting does not fit."""


def mca(p: Given, x: Tensor, channel: bool = True) -> Tensor:
    def gate(name: str, axis: int) -> Tensor:
        others = [other for other in (1, 2, 3) if other != axis]
        mean = x.mean(others)
        deviation = torch.sqrt(x.var(others, unbiased=True))
        alpha, beta = sigmoid(p[f"{name}.shares"])
        pooled = 0.5 * (mean + deviation) + alpha * mean + beta * deviation  # (B, L)
        kernel = p[f"{name}.conv.weight"].flatten()
        padded = functional.pad(pooled, (len(kernel) // 2, len(kernel) // 2))
        gates = torch.zeros_like(pooled)
        for k in range(len(kernel)):
            gates = gates + kernel[k] * padded[:, k : k + pooled.shape[1]]
        shape = [x.shape[0], 1, 1, 1]
        shape[axis] = x.shape[axis]
        return x * sigmoid(gates).view(shape)

    branches = [gate("height", 2), gate("width", 3)] + ([gate("channel", 1)] if channel else [])
    return torch.stack(branches).mean(0)


@pytest.mark.parametrize("training", [True, False], ids=["train", "eval"])
@pytest.mark.parametrize("hyperparameters", SMALL["mca"], ids=label)
def test_the_module_is_its_formula(hyperparameters: dict[str, Any], training: bool) -> None:
    assert_formula("mca", mca, hyperparameters, training)


@pytest.mark.parametrize(("hyperparameters", "at_64", "at_256"), PARAMETERS)
def test_the_parameters_are_counted(hyperparameters: dict[str, Any], at_64: int | None, at_256: int) -> None:
    assert_parameters("mca", hyperparameters, at_64, at_256)


@pytest.mark.parametrize(("channels", "kernel"), [(16, 1), (64, 3), (256, 5), (512, 5), (2048, 7)])
def test_the_kernel_across_channels_grows_with_them(channels: int, kernel: int) -> None:
    module: Any = attention.create("mca", channels)
    assert module.channel.conv.kernel_size == (kernel,)
