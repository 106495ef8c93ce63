"""BAM: its formula, written from its paper, and its published numbers of parameters."""

from __future__ import annotations

from typing import Any

import pytest
from torch import Tensor

from tests.attnctl.attention.attention_cases import SMALL, Counts, label
from tests.attnctl.attention.formulas import (
    Given,
    assert_formula,
    assert_parameters,
    relu,
    sigmoid,
)

PARAMETERS: Counts = [({}, 1173, 17361)]
"""Hyperparameters, and the parameters at 64 and at 256 channels; None where the setting does not fit."""


def bam(p: Given, x: Tensor, dilation: int, joint: str = "product", **_: object) -> Tensor:
    channel = p.layer("channel.3", relu(p.batch_norm("channel.1", p.layer("channel.0", x.mean((2, 3))))))
    plane = relu(p.batch_norm("spatial.1", p.conv("spatial.0", x)))
    for first in (3, 6):
        plane = p.conv(f"spatial.{first}", plane, padding=dilation, dilation=dilation)
        plane = relu(p.batch_norm(f"spatial.{first + 1}", plane))
    plane = p.conv("spatial.9", plane)
    channel = channel[:, :, None, None]
    return x * (1 + sigmoid(channel * plane if joint == "product" else channel + plane))


@pytest.mark.parametrize("training", [True, False], ids=["train", "eval"])
@pytest.mark.parametrize("hyperparameters", SMALL["bam"], ids=label)
def test_the_module_is_its_papers_formula(hyperparameters: dict[str, Any], training: bool) -> None:
    assert_formula("bam", bam, hyperparameters, training)


@pytest.mark.parametrize(("hyperparameters", "at_64", "at_256"), PARAMETERS)
def test_the_parameters_are_the_published_ones(hyperparameters: dict[str, Any], at_64: int | None, at_256: int) -> None:
    assert_parameters("bam", hyperparameters, at_64, at_256)
