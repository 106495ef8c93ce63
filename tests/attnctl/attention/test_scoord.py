"""timm's simplified coordinate attention: its formula, and its numbers of parameters."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from tests.attnctl.attention.attention_cases import SMALL, Counts, label
from tests.attnctl.attention.formulas import Given, assert_formula, assert_parameters, sigmoid

PARAMETERS: Counts = [({}, 1672, 31272), ({"r": 16, "bias": False}, 1536, 12288)]
"""Hyperparameters, and the parameters at 64 and at 256 channels; None where the setting does not fit."""


def scoord(p: Given, x: Tensor, **_: object) -> Tensor:
    def layer(name: str, strip: Tensor) -> Tensor:
        """strip: (B, channels, L)."""
        y = torch.einsum("oc,bcl->bol", p[f"{name}.weight"], strip)
        bias = p.get(f"{name}.bias")
        return y if bias is None else y + bias[:, None]

    hidden = [layer("joint.0", x.mean(axis)) for axis in (3, 2)]
    high, wide = (z * sigmoid(z) for z in hidden)
    return x * sigmoid(layer("height", high)[..., None] + layer("width", wide)[:, :, None])


@pytest.mark.parametrize("training", [True, False], ids=["train", "eval"])
@pytest.mark.parametrize("hyperparameters", SMALL["scoord"], ids=label)
def test_the_module_is_its_formula(hyperparameters: dict[str, Any], training: bool) -> None:
    assert_formula("scoord", scoord, hyperparameters, training)


@pytest.mark.parametrize(("hyperparameters", "at_64", "at_256"), PARAMETERS)
def test_the_parameters_are_counted(hyperparameters: dict[str, Any], at_64: int | None, at_256: int) -> None:
    assert_parameters("scoord", hyperparameters, at_64, at_256)
