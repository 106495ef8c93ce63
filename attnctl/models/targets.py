"""The objects of a target that a detector is trained on."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

Target = dict[str, Tensor]


def trainable(target: Mapping[str, Tensor]) -> Tensor:
    """Mask (N,) of a target's objects to train on: not the crowds and the boxes of zero area."""
    boxes = target["boxes"]
    has_area = (boxes[:, 2:] > boxes[:, :2]).all(1)
    return has_area & (target["iscrowd"] == 0) if "iscrowd" in target else has_area


def trainable_objects(target: Mapping[str, Tensor]) -> tuple[Tensor, Tensor]:
    """Boxes (N, 4), xyxy in pixels, and labels (N,), from 0, of the objects to train on."""
    mask = trainable(target)
    return target["boxes"][mask], target["labels"][mask] - 1
