"""PASCAL VOC's mean average precision, as computed by its development kit (VOCdevkit, VOCevaldet.m).

A detection is correct if the object of its class that it overlaps most has at least the threshold IoU, and was not
matched by a detection with a higher score. Objects marked `difficult` need not be detected, and detections of them
count neither as correct nor as errors.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
import torch
from torchvision.ops import box_iou

from attnctl.jobs.metrics.detections import Detections, Floats, Image

Integral = Literal["11-point", "area"]
"""How precision over recall is averaged: the mean of the best precision at recalls of at least 0, 0.1, ... 1 (VOC2007),
or the area under the curve (VOC2010 and later)."""

_THRESHOLDS = {"map": 0.5, "map50": 0.5, "map75": 0.75}

_OF_CLASS = {"ap50": 0.5, "ap75": 0.75}


class VocMAP(Detections):
    """map, the mean over the classes of the AP at IoU 0.5, which is also map50; and map75."""

    def __init__(self, categories: Sequence[int], integral: Integral = "area") -> None:
        super().__init__(categories)
        self.integral = integral

    def values(self) -> dict[str, float]:
        """The values for the images added so far; empty if they have no objects to detect."""
        pooled = pool(self.images)
        return {
            name: float(np.mean(list(classes.values())))
            for name, threshold in _THRESHOLDS.items()
            if (classes := self.by_class(pooled, threshold))
        }

    def class_values(self) -> dict[int, dict[str, float]]:
        """Label -> ap50 and ap75, for the classes that have objects to detect."""
        pooled = pool(self.images)
        values: dict[int, dict[str, float]] = {}
        for name, threshold in _OF_CLASS.items():
            for label, value in self.by_class(pooled, threshold).items():
                values.setdefault(label, {})[name] = value
        return values

    def by_class(self, pooled: Pooled, threshold: float) -> dict[int, float]:
        """Label -> its AP in percent, for the classes that have objects to detect. threshold: of IoU."""
        average = {"11-point": eleven_points, "area": area_under}[self.integral]
        values = {}
        for label, count in zip(*np.unique(pooled.required, return_counts=True), strict=True):
            correct = _correct(pooled, pooled.labels == label, threshold)
            values[int(label)] = 100 * average(correct, int(count))
        return values


@dataclass(frozen=True, kw_only=True)
class Pooled:
    """The detections of all images. nearest: the index of the object that each overlaps most, -1 for none."""

    labels: npt.NDArray[np.int64]
    scores: Floats
    overlap: Floats
    nearest: npt.NDArray[np.int64]
    difficult: npt.NDArray[np.bool_]
    """Of all objects, by the indices in `nearest`."""
    required: npt.NDArray[np.int64]
    """The labels of the objects that have to be detected."""


def pool(images: Sequence[Image]) -> Pooled:
    """Pool the detections of these images, each with the object that it overlaps most."""
    overlaps, nearest, first = [np.zeros(0)], [np.zeros(0, np.int64)], 0
    for image in images:
        best, index = _nearest(image)
        overlaps.append(best)
        nearest.append(np.where(best > 0, index + first, -1))
        first += len(image.annotated.labels)
    none = np.zeros(0, np.int64)
    labels = np.concatenate([none, *(image.annotated.labels for image in images)])
    difficult = np.concatenate([none, *(image.annotated.difficult for image in images)]).astype(bool)
    return Pooled(
        labels=np.concatenate([none, *(image.detected.labels for image in images)]),
        scores=np.concatenate([np.zeros(0), *(image.detected.scores for image in images)]),
        overlap=np.concatenate(overlaps),
        nearest=np.concatenate(nearest),
        difficult=difficult,
        required=labels[~difficult],
    )


def _nearest(image: Image) -> tuple[Floats, npt.NDArray[np.int64]]:
    """For each detection of an image, the largest overlap with an object of its class, and the object's index."""
    detected, annotated = image.detected, image.annotated
    if not len(detected.labels) or not len(annotated.labels):
        return np.zeros(len(detected.labels)), np.zeros(len(detected.labels), np.int64)
    boxes = torch.from_numpy(detected.boxes), torch.from_numpy(annotated.boxes)
    overlaps: Floats = box_iou(*boxes).nan_to_num_(0.0).numpy()
    overlaps[detected.labels[:, None] != annotated.labels] = 0.0
    index = overlaps.argmax(1)
    return overlaps[np.arange(len(index)), index], index


def _correct(pooled: Pooled, mine: npt.NDArray[np.bool_], threshold: float) -> npt.NDArray[np.bool_]:
    """Whether each detection that counts is correct, by decreasing score; equal scores keep their order."""
    order = np.flatnonzero(mine)
    order = order[np.argsort(-pooled.scores[order], kind="stable")]
    hit = pooled.overlap[order] >= threshold
    objects = pooled.nearest[order]
    counts = ~(hit & pooled.difficult[objects]) if len(pooled.difficult) else np.ones(len(order), bool)
    hit, objects = hit[counts], objects[counts]
    correct = np.zeros(len(hit), bool)
    hits = np.flatnonzero(hit)
    correct[hits[np.unique(objects[hits], return_index=True)[1]]] = True
    return correct


def eleven_points(correct: npt.NDArray[np.bool_], required: int) -> float:
    """The mean of the best precision at recalls of at least 0, 0.1, ... 1; 0 for a recall that is not reached.

    correct: for each detection, by decreasing score. required: the number of objects that have to be detected.
    """
    hits = np.cumsum(correct)
    precision = hits / np.arange(1, len(hits) + 1)
    # 10 * hits >= k * required means recall >= k / 10, without rounding errors
    return float(np.mean([precision[10 * hits >= k * required].max(initial=0.0) for k in range(11)]))


def area_under(correct: npt.NDArray[np.bool_], required: int) -> float:
    """The area under the best precision at each recall or above it; parameters as in `eleven_points`."""
    hits = np.cumsum(correct)
    precision = hits / np.arange(1, len(hits) + 1)
    best = np.maximum.accumulate(precision[::-1])[::-1]
    return float(best[correct].sum() / required)
