"""PASCAL VOC's mean average precision, as its development kit computes it (VOCdevkit, VOCevaldet.m).

A detection is right when, of the objects of its class on the image, the one that it overlaps most overlaps it by the
threshold of IoU at least, and no detection of a higher score has had that one. An object marked `difficult` need not
be found, and a detection whose object it is counts neither way.
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
"""Of precision over recall: the mean of the best precision at recalls of at least 0, 0.1, ... 1 (VOC2007), or the area
under it (VOC2010 and later)."""

_THRESHOLDS = {"map": 0.5, "map50": 0.5, "map75": 0.75}


class VocMAP(Detections):
    """map, the mean over the classes of the AP at an IoU of 0.5, which is also map50; and map75."""

    def __init__(self, categories: Sequence[int], integral: Integral = "area") -> None:
        super().__init__(categories)
        self.integral = integral

    def values(self) -> dict[str, float]:
        """The values of the images that are here; none when no object has to be found on them."""
        pooled = pool(self.images)
        return {
            name: float(np.mean(list(classes.values())))
            for name, threshold in _THRESHOLDS.items()
            if (classes := self.by_class(pooled, threshold))
        }

    def by_class(self, pooled: Pooled, threshold: float) -> dict[int, float]:
        """Label -> its AP in percent, for the classes that have objects to be found. threshold: of IoU."""
        average = {"11-point": eleven_points, "area": area_under}[self.integral]
        found = {}
        for label, wanted in zip(*np.unique(pooled.wanted, return_counts=True), strict=True):
            right = _judged(pooled, pooled.labels == label, threshold)
            found[int(label)] = 100 * average(right, int(wanted))
        return found


@dataclass(frozen=True, kw_only=True)
class Pooled:
    """The detections of all images, image by image. nearest: the object that each overlaps most, -1 for none."""

    labels: npt.NDArray[np.int64]
    scores: Floats
    overlap: Floats
    nearest: npt.NDArray[np.int64]
    difficult: npt.NDArray[np.bool_]
    """Of all objects, by the numbers that `nearest` holds."""
    wanted: npt.NDArray[np.int64]
    """The labels of the objects that have to be found."""


def pool(images: Sequence[Image]) -> Pooled:
    """The detections of these images, each beside the object that it overlaps most."""
    overlaps, nearest, first = [np.zeros(0)], [np.zeros(0, np.int64)], 0
    for image in images:
        best, which = _nearest(image)
        overlaps.append(best)
        nearest.append(np.where(best > 0, which + first, -1))
        first += len(image.true.labels)
    none = np.zeros(0, np.int64)
    true = np.concatenate([none, *(image.true.labels for image in images)])
    difficult = np.concatenate([none, *(image.true.difficult for image in images)]).astype(bool)
    return Pooled(
        labels=np.concatenate([none, *(image.found.labels for image in images)]),
        scores=np.concatenate([np.zeros(0), *(image.found.scores for image in images)]),
        overlap=np.concatenate(overlaps),
        nearest=np.concatenate(nearest),
        difficult=difficult,
        wanted=true[~difficult],
    )


def _nearest(image: Image) -> tuple[Floats, npt.NDArray[np.int64]]:
    """Of each detection of an image the largest overlap with an object of its class, and that object's place."""
    found, true = image.found, image.true
    if not len(found.labels) or not len(true.labels):
        return np.zeros(len(found.labels)), np.zeros(len(found.labels), np.int64)
    overlaps: Floats = box_iou(torch.from_numpy(found.boxes), torch.from_numpy(true.boxes)).nan_to_num_(0.0).numpy()
    overlaps[found.labels[:, None] != true.labels] = 0.0
    which = overlaps.argmax(1)
    return overlaps[np.arange(len(which)), which], which


def _judged(pooled: Pooled, mine: npt.NDArray[np.bool_], threshold: float) -> npt.NDArray[np.bool_]:
    """Whether each detection that counts is right, from the highest score down; equal scores as they came."""
    order = np.flatnonzero(mine)
    order = order[np.argsort(-pooled.scores[order], kind="stable")]
    hit = pooled.overlap[order] >= threshold
    objects = pooled.nearest[order]
    counts = ~(hit & pooled.difficult[objects]) if len(pooled.difficult) else np.ones(len(order), bool)
    hit, objects = hit[counts], objects[counts]
    right = np.zeros(len(hit), bool)
    places = np.flatnonzero(hit)
    right[places[np.unique(objects[places], return_index=True)[1]]] = True
    return right


def eleven_points(right: npt.NDArray[np.bool_], wanted: int) -> float:
    """The mean of the best precision at recalls of at least 0, 0.1, ... 1; 0 where no recall is so high.

    right: of each detection, from the highest score down. wanted: objects that have to be found.
    """
    hits = np.cumsum(right)
    precision = hits / np.arange(1, len(hits) + 1)
    # 10 hits >= k wanted is recall >= k / 10 without its rounding
    return float(np.mean([precision[10 * hits >= k * wanted].max(initial=0.0) for k in range(11)]))


def area_under(right: npt.NDArray[np.bool_], wanted: int) -> float:
    """The area under the best precision at each recall or above it; parameters as in `eleven_points`."""
    hits = np.cumsum(right)
    precision = hits / np.arange(1, len(hits) + 1)
    best = np.maximum.accumulate(precision[::-1])[::-1]
    return float(best[right].sum() / wanted)
