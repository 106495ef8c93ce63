"""The objects of a target that a detector is trained on."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

Target = dict[str, Tensor]


def learned(target: Mapping[str, Tensor]) -> Tensor:
    """Mask (N,) of the objects of a target to train on: no crowds and no boxes of zero area."""
    boxes = target["boxes"]
    kept = (boxes[:, 2:] > boxes[:, :2]).all(1)
    return kept & (target["iscrowd"] == 0) if "iscrowd" in target else kept


def trained(target: Mapping[str, Tensor]) -> tuple[Tensor, Tensor]:
    """The boxes (N, 4) xyxy of a target, and their labels (N,) from 0: without crowds and boxes of zero area."""
    kept = learned(target)
    return target["boxes"][kept], target["labels"][kept] - 1
