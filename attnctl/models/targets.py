"""What a detector learns from a target."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

Target = dict[str, Tensor]


def trained(target: Mapping[str, Tensor]) -> tuple[Tensor, Tensor]:
    """The boxes (N, 4) xyxy of a target, and their labels (N,) from 0: without crowds, and without boxes of no area."""
    boxes, labels = target["boxes"], target["labels"]
    kept = (boxes[:, 2:] > boxes[:, :2]).all(1)
    if "iscrowd" in target:
        kept &= target["iscrowd"] == 0
    return boxes[kept], labels[kept] - 1
