"""SimOTA: assigning points to boxes by the network's current predictions (YOLOX, section 2.3)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional
from torchvision.ops import box_convert, box_iou

RADIUS = 1.5
"""Half the side of the square around a box's centre with its candidates, in strides of their map: 3x3 points."""

CANDIDATES = 10
"""The number of best overlaps whose sum, rounded down, is the number of points of a box."""

OVERLAP = 3.0
"""The weight of the overlap in the cost, relative to that of the class."""


@dataclass(frozen=True)
class Points:
    """The points at which the network predicts, from the finest map to the coarsest, row by row.

    corners: (N, 2), x and y of the cells' upper left corners, in strides. strides: (N,) in pixels
    """

    corners: Tensor
    strides: Tensor

    @property
    def centres(self) -> Tensor:
        """(N, 2), x and y in pixels."""
        return (self.corners + 0.5) * self.strides[:, None]

    def decode(self, predicted: Tensor) -> Tensor:
        """The network's output, (..., N, 4) -> boxes xyxy in pixels."""
        strides = self.strides[:, None]
        centres = (predicted[..., :2] + self.corners) * strides
        return box_convert(torch.cat((centres, predicted[..., 2:].exp() * strides), -1), "cxcywh", "xyxy")

    def encode(self, boxes: Tensor) -> Tensor:
        """Boxes (N, 4), xyxy in pixels -> the output that encodes them."""
        box = box_convert(boxes, "xyxy", "cxcywh") / self.strides[:, None]
        return torch.cat((box[:, :2] - self.corners, box[:, 2:].log()), -1)

    def subset(self, chosen: Tensor) -> Points:
        """The points with the given indices (P,)."""
        return Points(self.corners[chosen], self.strides[chosen])


@dataclass(frozen=True)
class Assignment:
    """Pairs of a point and its box, by ascending point.

    points, boxes: (P,) indices. overlaps: (P,) current IoU of each pair
    """

    points: Tensor
    boxes: Tensor
    overlaps: Tensor


@torch.no_grad()
def assign(
    points: Points, classes: Tensor, objectness: Tensor, predicted: Tensor, boxes: Tensor, labels: Tensor
) -> Assignment:
    """Assign points to boxes.

    A box gets as many points as the sum of its ten best overlaps, rounded down, but at least one: those of lowest cost
    around its centre. A point chosen by several boxes goes to the one with the lowest cost.

    classes: (N, K) logits; objectness: (N,) logits; predicted: (N, 4); boxes: (M, 4), both xyxy in pixels; labels: (M,)
    from 0.
    """
    centres = box_convert(boxes, "xyxy", "cxcywh")[:, None, :2]
    near = (points.centres - centres).abs().amax(-1) < RADIUS * points.strides  # (M, N)
    candidates = near.any(0).nonzero().flatten()
    if not len(candidates):
        return Assignment(candidates, candidates, predicted.new_zeros(0))
    near = near[:, candidates]
    overlaps = box_iou(boxes, predicted[candidates])
    cost = OVERLAP * -(overlaps + 1e-8).log() + _class_cost(classes[candidates], objectness[candidates], labels)
    cost = cost.masked_fill(~near, torch.inf)
    count = overlaps.topk(min(CANDIDATES, len(candidates)), 1).values.sum(1).int().clamp(min=1)
    rank = cost.argsort(dim=1, stable=True).argsort(dim=1)
    matched = (rank < count[:, None]) & near
    contested = matched.sum(0) > 1
    cheapest = functional.one_hot(cost.argmin(0), len(boxes)).T.bool()
    matched = torch.where(contested, cheapest, matched)
    chosen = matched.any(0).nonzero().flatten()
    owner = matched[:, chosen].int().argmax(0)
    return Assignment(candidates[chosen], owner, overlaps[owner, chosen])


def _class_cost(classes: Tensor, objectness: Tensor, labels: Tensor) -> Tensor:
    """(M, N): binary cross-entropy of each point's scores with each box's class.

    A score is the geometric mean of class probability and objectness; logarithms are clamped at -100, as in torch.
    """
    yes = (functional.logsigmoid(classes) + functional.logsigmoid(objectness)[:, None]) / 2
    no = (-yes.expm1()).log().clamp(min=-100)
    yes = yes.clamp(min=-100)
    return -(no.sum(1)[:, None] + yes[:, labels] - no[:, labels]).T
