"""Parameters of detectors, counted without making them."""

from __future__ import annotations

from typing import Any

import torch

from attnctl import attention, models
from attnctl.networks import surgery


def parameters(
    model: str,
    backbone: str,
    classes: int,
    module: str = "",
    placement: str = "",
    norms: str = "default",
    **hyperparameters: Any,
) -> int:
    attended = []
    if module:
        source = attention.describe(module)
        place = models.placement(model, backbone, placement)
        attended = [surgery.Attention(source, place, source.resolve(hyperparameters))]
    with torch.device("meta"):
        network = surgery.network_of(backbone, classes, attended, size=0, model=model, norms=norms)
    return sum(parameter.numel() for parameter in network.parameters())


AN = {"form": "released", "K": 10, "wide": 20}
