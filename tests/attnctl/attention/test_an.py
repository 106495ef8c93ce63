"""AN: its formula, written from its paper, and its published numbers of parameters."""

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
    relu,
    sigmoid,
    switchable,
)

PARAMETERS: Counts = [
    ({"K": 5}, 965, 3845),
    ({}, 1930, 7690),
    ({"K": 12}, 2316, 9228),
    ({"form": "released"}, 1940, 7700),
    ({"form": "released", "K": 20}, 3880, 15400),
    ({"form": "released", "wide": 20}, 1940, 15400),
    ({"form": "released", "norm": "gn"}, 1930, 7690),
    ({"form": "released", "norm": "gn", "K": 20}, 3860, 15380),
    ({"norm": "gn", "gn_groups": 8}, 1930, 7690),
]
"""Hyperparameters, and the parameters at 64 and at 256 channels; None where the setting does not fit."""


def an(
    p: Given,
    x: Tensor,
    K: int,  # noqa: N803 - the papers' symbol
    form: str = "paper",
    norm: str = "bn",
    separate: bool = False,
    mixture: str = "fc",
    start: str = "default",
    gn_groups: int = 32,
) -> Tensor:
    def weights(name: str) -> Tensor:
        if form == "released":
            z = p.layer(f"{name}.layer", x.mean((2, 3)) / torch.sqrt(x.var((2, 3), unbiased=True) + 1e-3))
            z = p.batch_norm(f"{name}.norm", z) if norm == "bn" else z
            return relu(z + 3).clamp(max=6) / 6
        if mixture == "conv":
            return sigmoid(relu(p.conv(f"{name}.layer", x)).mean((2, 3)))
        if mixture == "se":
            return sigmoid(p.layer(f"{name}.layer.2", relu(p.layer(f"{name}.layer.0", x.mean((2, 3))))))
        return sigmoid(p.layer(f"{name}.layer", x.mean((2, 3))))

    if norm == "bn":
        normed = p.batch_norm("normalise", x)
    elif norm == "sn":
        normed = switchable(p, x, ("in", "ln", "bn"), "normalise.")
    else:
        normed = group_norm(x, {"gn": gn_groups, "ln": 1, "in": x.shape[1]}[norm])
    scales = weights("weights")
    offsets = weights("offset_weights") if separate else scales
    y = torch.zeros_like(x)
    for n in range(x.shape[0]):
        for k in range(K):
            scale, offset = p["scale"][k][:, None, None], p["offset"][k][:, None, None]
            y[n] += scales[n, k] * scale * normed[n] + offsets[n, k] * offset
    return y


@pytest.mark.parametrize("training", [True, False], ids=["train", "eval"])
@pytest.mark.parametrize("hyperparameters", SMALL["an"], ids=label)
def test_the_module_is_its_papers_formula(hyperparameters: dict[str, Any], training: bool) -> None:
    # torch has hardsigmoid's slope, a sixth, in single precision
    of_gradients = 1e-6 if hyperparameters.get("form") == "released" else 1e-9
    assert_formula("an", an, hyperparameters, training, of_gradients=of_gradients)


@pytest.mark.parametrize(("hyperparameters", "at_64", "at_256"), PARAMETERS)
def test_the_parameters_are_the_published_ones(hyperparameters: dict[str, Any], at_64: int | None, at_256: int) -> None:
    assert_parameters("an", hyperparameters, at_64, at_256)


def test_the_norm_begins_near_the_plain_norm() -> None:
    module: Any = attention.create("an", 64)
    assert module.scale.mean().item() == pytest.approx(1, abs=0.03)
    assert module.offset.std().item() == pytest.approx(0.1, abs=0.03)


@pytest.mark.parametrize(
    ("hyperparameters", "components"),
    [({"form": "released"}, 10), ({"form": "released", "norm": "gn", "K": 20}, 20), ({"wide": 20}, 20)],
    ids=label,
)
def test_the_released_start_is_kaiming_normal_over_the_components(
    hyperparameters: dict[str, Any], components: int
) -> None:
    torch.manual_seed(0)
    module: Any = attention.create("an", 512, start="released", **hyperparameters)
    layer = module.weights.layer
    assert layer.weight.shape == (components, 512)
    assert layer.weight.std().item() == pytest.approx((2 / components) ** 0.5, rel=0.05)
    assert layer.bias is None or not layer.bias.any()
    default: Any = attention.create("an", 512, **hyperparameters)
    assert default.weights.layer.weight.std().item() == pytest.approx((1 / (3 * 512)) ** 0.5, rel=0.05)
