"""Random detections beside random annotations: crowds, small and large, images without any, gaps in the categories."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

CATEGORIES = (1, 2, 5, 18, 90)
SIDE = 160

Batch = tuple[list[dict[str, Tensor]], list[dict[str, Tensor]]]


def batch(seed: int, images: int = 30, *, masks: bool = False, objects: int = 8, scale: float = 1.0) -> Batch:
    """(outputs, targets) of images. Many detections are near an object; scores are rounded, so that some are equal."""
    draw = np.random.default_rng(seed)
    outputs, targets = [], []
    for number in range(images):
        true = _boxes(draw, int(draw.integers(0, objects)), scale)
        labels = draw.integers(1, len(CATEGORIES) + 1, len(true))
        near = true.repeat(2, 0) + draw.normal(0, 6 * scale, (2 * len(true), 4))
        found = np.concatenate([near, _boxes(draw, int(draw.integers(0, 6)), scale)]).clip(0, SIDE * scale)
        found[:, 2:] = np.maximum(found[:, 2:], found[:, :2])
        other = draw.integers(1, len(CATEGORIES) + 1, len(found))
        alike = np.where(draw.random(2 * len(true)) < 0.8, labels.repeat(2), other[: 2 * len(true)])
        scores = torch.from_numpy(draw.random(len(found)).round(1 + number % 3)).float()
        output = {
            "boxes": torch.from_numpy(found).float(),
            "labels": torch.from_numpy(np.concatenate([alike, other[2 * len(true) :]])),
            "scores": scores,
        }
        width, height = (true[:, 2:] - true[:, :2]).T
        target = {
            "boxes": torch.from_numpy(true).float(),
            "labels": torch.from_numpy(labels),
            "area": torch.from_numpy(width * height * draw.uniform(0.4, 1.0, len(true))).float(),
            "iscrowd": torch.from_numpy((draw.random(len(true)) < 0.15).astype(np.uint8)),
            "difficult": torch.from_numpy(draw.random(len(true)) < 0.2),
            "image_id": torch.tensor(7 * number + 3),
        }
        if masks:
            output["masks"] = _soft(_filled(draw, found))
            target["masks"] = _filled(draw, true)
            target["area"] = target["masks"].flatten(1).sum(1).float()
        outputs.append(output)
        targets.append(target)
    return outputs, targets


def parts(given: Batch, world: int) -> list[Batch]:
    """Each rank's share: every world-th image."""
    outputs, targets = given
    return [(outputs[rank::world], targets[rank::world]) for rank in range(world)]


def _boxes(draw: np.random.Generator, count: int, scale: float) -> Any:
    centre = draw.uniform(20, SIDE - 20, (count, 2))
    size = draw.choice([10, 30, 60, 110, 150], (count, 1)) * draw.uniform(0.5, 1.0, (count, 2))
    return (np.concatenate([centre - size / 2, centre + size / 2], axis=1) * scale).clip(0, SIDE * scale)


def _filled(draw: np.random.Generator, boxes: Any) -> Tensor:
    """(N, H, W) of 0 and 1: the boxes with some pixels missing."""
    masks = torch.zeros(len(boxes), SIDE, SIDE, dtype=torch.uint8)
    for mask, (left, top, right, bottom) in zip(masks, boxes.astype(int), strict=True):
        mask[top : bottom + 1, left : right + 1] = 1
        mask[int(draw.integers(0, SIDE)) :: 9] = 0
    return masks


def _soft(masks: Tensor) -> Tensor:
    """(N, 1, H, W) of 0.1 and 0.9."""
    return masks[:, None] * 0.8 + 0.1
