"""Cascade Mask R-CNN: the published counts."""

from __future__ import annotations

from typing import Any

import pytest

from tests.attnctl.models.counted import AN, parameters


@pytest.mark.parametrize(
    ("model", "backbone", "module", "placement", "hyperparameters", "count"),
    [
        ("cascade_maskrcnn", "resnet101", "", "", {}, 96_317_505),
        ("cascade_maskrcnn", "resnet101", "an", "norm2", AN, 96_768_989),
    ],
)
def test_cascade_mask_rcnn(
    model: str, backbone: str, module: str, placement: str, hyperparameters: dict[str, Any], count: int
) -> None:
    """AN, table 3: frozen norms are counted."""
    assert parameters(model, backbone, 80, module, placement, **hyperparameters) == count
