"""EAN: its formula, written from its paper, and its published numbers of parameters."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from attnctl import attention
from tests.attnctl.attention.attention_cases import SMALL, Counts, label
from tests.attnctl.attention.formulas import (
    EPS,
    Given,
    assert_formula,
    assert_parameters,
    sigmoid,
)

PARAMETERS: Counts = [
    ({}, 32, 128),
    ({"G": 64}, 4, 16),
    ({"shared": False}, 256, 1024),
    ({"form": "released"}, 32, 128),
    ({"weights": "gamma"}, 32, 128),
    ({"weights": "none"}, 32, 128),
    ({"adaptation": False}, 16, 64),
    ({"adaptation": False, "shared": False}, 128, 512),
    ({"statistics": "group"}, 32, 128),
]
"""Hyperparameters, and the parameters at 64 and at 256 channels; None where the setting does not fit."""


def ean(
    p: Given,
    x: Tensor,
    G: int,  # noqa: N803
    shared: bool = True,
    form: str = "paper",
    weights: str = "l2",
    adaptation: bool = True,
    statistics: str = "channel",
) -> Tensor:
    y, size = torch.empty_like(x), x.shape[1] // G
    for n in range(x.shape[0]):
        for g in range(G):
            k = 0 if shared else g
            gamma, beta = p["gamma"][k], p["beta"][k]
            squares = torch.stack([gamma[i] ** 2 for i in range(size)])
            norm = torch.sqrt(
                (squares.sum() if form == "paper" else squares.sum() / size) + EPS
            )  # eq. 6, or as released
            for i in range(size):
                part = x[n, g * size + i]
                over = part if statistics == "channel" else x[n, g * size : (g + 1) * size]
                standard = (part - over.mean()) / torch.sqrt(over.var(unbiased=False) + EPS)
                normed = gamma[i] * standard + beta[i]  # eq. 5
                weight = {"l2": gamma[i] / norm, "gamma": gamma[i], "none": torch.ones(())}[weights]
                weighted = weight * normed  # eq. 7
                gate = p["alpha"][k][i] * weighted + p["delta"][k][i] if adaptation else weighted
                y[n, g * size + i] = sigmoid(gate) * part  # equations 8 and 9
    return y


@pytest.mark.parametrize("training", [True, False], ids=["train", "eval"])
@pytest.mark.parametrize("hyperparameters", SMALL["ean"], ids=label)
def test_the_module_is_its_papers_formula(hyperparameters: dict[str, Any], training: bool) -> None:
    assert_formula("ean", ean, hyperparameters, training)


@pytest.mark.parametrize(("hyperparameters", "at_64", "at_256"), PARAMETERS)
def test_the_parameters_are_the_published_ones(hyperparameters: dict[str, Any], at_64: int | None, at_256: int) -> None:
    assert_parameters("ean", hyperparameters, at_64, at_256)


def test_the_initial_output_is_known() -> None:
    x = torch.randn(2, 64, 5, 7)
    y = attention.create("ean", 64).eval()(x)
    torch.testing.assert_close(y, 0.5 * x)


def test_a_step_of_the_released_form_moves_the_gate_by_the_root_of_its_width() -> None:
    """At the start all scales are one: their root mean square is 1, their L2 norm the root of C / G."""
    x = torch.randn(2, 64, 5, 7, dtype=torch.float64)
    gradients = []
    for form in ("paper", "released"):
        module: Any = attention.create("ean", 64, G=4, form=form).double()
        module(x).sin().sum().backward()
        gradients.append(module.alpha.grad)
    torch.testing.assert_close(gradients[1], 4 * gradients[0], rtol=1e-4, atol=0)
