"""Uniform matching: every box has the same number of anchors (YOLOF: Chen et al., CVPR 2021, section 4.2)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torchvision.ops import box_convert, box_iou

TIMES = 4
"""The number of nearest anchors, and of nearest predictions, matched to each box."""

FAR = 0.15
"""A matched anchor with a lower IoU with its box is ignored."""

CLOSE = 0.7
"""An unmatched anchor whose prediction has a higher IoU with any box is ignored."""

NO_OBJECT, IGNORED = -1, -2


@dataclass(frozen=True)
class Matching:
    """The training targets of one image's N anchors.

    labels: (N,) class of each anchor, from 0; or NO_OBJECT; or IGNORED, without a class loss
    anchors, boxes: (P,) indices of the pairs in the box loss; a pair that is matched both ways occurs twice
    """

    labels: Tensor
    anchors: Tensor
    boxes: Tensor


@torch.no_grad()
def match(predicted: Tensor, anchors: Tensor, boxes: Tensor, labels: Tensor) -> Matching:
    """Match each box of an image with its `TIMES` nearest anchors and, as released, its `TIMES` nearest predictions.

    Distances are the sum of the absolute differences in centre, width and height. An anchor matched with several boxes
    gets the class of the one with the highest IoU. predicted, anchors: (N, 4); boxes: (M, 4), all xyxy in pixels;
    labels: (M,) from 0.
    """
    assigned = torch.full_like(predicted[:, 0], NO_OBJECT, dtype=torch.int64)
    if not len(boxes):
        empty = assigned.new_zeros(0)
        return Matching(assigned, empty, empty)
    assigned[box_iou(predicted, boxes).amax(1) > CLOSE] = IGNORED
    overlaps = box_iou(anchors, boxes)
    indices = torch.cat((_nearest(predicted, boxes), _nearest(anchors, boxes))).flatten()
    owners = torch.arange(len(boxes), device=boxes.device).repeat(len(indices) // len(boxes))
    pairs = torch.zeros_like(overlaps, dtype=torch.bool)
    pairs[indices, owners] = True
    best, owner = overlaps.masked_fill(~pairs, -1).max(1)
    assigned = torch.where(best >= 0, torch.where(best < FAR, IGNORED, labels[owner]), assigned)
    paired = overlaps[indices, owners] >= FAR
    return Matching(assigned, indices[paired], owners[paired])


def _nearest(candidates: Tensor, boxes: Tensor) -> Tensor:
    """The indices of the nearest candidates to each box: (TIMES, M)."""
    distance = torch.cdist(box_convert(candidates, "xyxy", "cxcywh"), box_convert(boxes, "xyxy", "cxcywh"), p=1)
    return distance.topk(min(TIMES, len(candidates)), 0, largest=False).indices
