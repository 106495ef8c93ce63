"""Mask R-CNN: the published counts."""

from __future__ import annotations

from typing import Any

import pytest

from tests.attnctl.models.counted import AN, parameters


@pytest.mark.parametrize(
    ("model", "backbone", "module", "placement", "hyperparameters", "count"),
    [
        ("maskrcnn", "resnet50", "", "", {}, 45_711_413),
        ("maskrcnn", "resnet50", "an", "norm2", AN, 45_909_801),
        ("maskrcnn_gn", "resnet50", "gn", "norms", {}, 45_715_509),
        ("maskrcnn_an", "resnet50", "an", "norm2", AN, 45_957_989),
        ("maskrcnn", "resnet101", "", "", {}, 64_703_541),
        ("maskrcnn", "resnet101", "an", "norm2", AN, 65_155_025),
        ("maskrcnn_an", "resnet101", "an", "norm2", AN, 65_203_213),
    ],
)
def test_mask_rcnn(
    model: str, backbone: str, module: str, placement: str, hyperparameters: dict[str, Any], count: int
) -> None:
    """AN, tables 2 and 3: frozen norms are counted."""
    assert parameters(model, backbone, 80, module, placement, **hyperparameters) == count


def test_around_mobilenet_v2_the_last_convolution_is_dropped() -> None:
    """AN, table 4: the maps of 24, 32, 96 and 320 channels; 412,160 of 2,223,872 are the last convolution's."""
    heads = 45_711_413 - 23_508_032 - 3_344_384
    pyramid = 256 * (24 + 32 + 96 + 320) + 4 * 256 + 4 * 590_080
    assert parameters("maskrcnn", "mobilenet_v2", 80) == heads + pyramid + 2_223_872 - 412_160
