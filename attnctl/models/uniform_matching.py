"""Uniform matching: every box has the same number of anchors (YOLOF: Chen et al., CVPR 2021, section 4.2)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torchvision.ops import box_convert, box_iou

TIMES = 4
"""The number of nearest anchors, and of nearest predictions, matched to each box."""

FAR = 0.15
"""Matched anchors that overlap their box less are ignored."""

CLOSE = 0.7
"""Unmatched anchors whose prediction overlaps a box more are ignored."""

NO_OBJECT, LEFT_OUT = -1, -2


@dataclass(frozen=True)
class Matching:
    """The training targets of one image's N anchors.

    labels: (N,) of each anchor, from 0; NO_OBJECT, or LEFT_OUT of the classes' loss
    anchors, boxes: (P,) indices of the pairs in the boxes' loss; a pair matched both ways occurs twice
    """

    labels: Tensor
    anchors: Tensor
    boxes: Tensor


@torch.no_grad()
def match(predicted: Tensor, anchors: Tensor, boxes: Tensor, labels: Tensor) -> Matching:
    """Match an image's boxes with the `TIMES` nearest anchors each and, as released, the `TIMES` nearest predictions.

    Nearest is least in the sum of differences of centre, width and height. Of several boxes an anchor has the class of
    the one that it overlaps most. predicted, anchors: (N, 4); boxes: (M, 4), all xyxy in pixels; labels: (M,) from 0.
    """
    found = torch.full_like(predicted[:, 0], NO_OBJECT, dtype=torch.int64)
    if not len(boxes):
        nothing = found.new_zeros(0)
        return Matching(found, nothing, nothing)
    found[box_iou(predicted, boxes).amax(1) > CLOSE] = LEFT_OUT
    overlaps = box_iou(anchors, boxes)
    indices = torch.cat((_nearest(predicted, boxes), _nearest(anchors, boxes))).flatten()
    owners = torch.arange(len(boxes), device=boxes.device).repeat(len(indices) // len(boxes))
    pairs = torch.zeros_like(overlaps, dtype=torch.bool)
    pairs[indices, owners] = True
    best, owner = overlaps.masked_fill(~pairs, -1).max(1)
    found = torch.where(best >= 0, torch.where(best < FAR, LEFT_OUT, labels[owner]), found)
    kept = overlaps[indices, owners] >= FAR
    return Matching(found, indices[kept], owners[kept])


def _nearest(candidates: Tensor, boxes: Tensor) -> Tensor:
    """The indices of the nearest candidates to each box: (TIMES, M)."""
    distance = torch.cdist(box_convert(candidates, "xyxy", "cxcywh"), box_convert(boxes, "xyxy", "cxcywh"), p=1)
    return distance.topk(min(TIMES, len(candidates)), 0, largest=False).indices
