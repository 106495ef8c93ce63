"""Outlines of objects as COCO's files hold them: polygons, and run-length codes, compressed or not.

Polygons are kept in few arrays: forty million numbers of Python's own would take gigabytes, in every worker process.
"""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from faster_coco_eval.core import mask as strict
from pycocotools import mask as rle

from attnctl.jobs.data.scenes import Bytes, Flags
from attnctl.units import quantity

_CORNERS = 3
"""A polygon of fewer has no area."""


class Outlines:
    """The outlines of many objects, by number. `present`: (M,) which of them have one.

    segmentations: of each what its annotation says: polygons [[x1, y1, x2, y2, ...], ...], a run-length code with
    `size` and `counts`, or None. Raises ValueError for anything else.
    """

    present: Flags

    def __init__(self, segmentations: Sequence[Any]) -> None:
        self._codes: dict[int, Mapping[str, Any]] = {}
        polygons: list[Sequence[float]] = []
        counts = np.zeros(len(segmentations), np.int64)
        for number, outline in enumerate(segmentations):
            if isinstance(outline, Mapping):
                self._codes[number] = _checked(outline)
            elif outline:
                kept = [polygon for polygon in outline if len(polygon) >= 2 * _CORNERS]
                counts[number] = len(kept)
                polygons += kept
        lengths = np.array([len(polygon) for polygon in polygons], np.int64)
        if (lengths % 2).any():
            odd = quantity(int(lengths[np.argmax(lengths % 2)]), "number")
            raise ValueError(f"a polygon has {odd}, which are not pairs")
        self._numbers = np.fromiter(itertools.chain.from_iterable(polygons), np.float64, int(lengths.sum()))
        self._ends = np.concatenate([[0], np.cumsum(lengths)])  # of the polygons, in numbers
        self._first = np.concatenate([[0], np.cumsum(counts)])  # polygon of each object
        self._drawn = counts > 0
        self.present = self._drawn.copy()
        self.present[list(self._codes)] = True

    def filled(self, rows: Sequence[int], height: int, width: int) -> Bytes:
        """(N, height, width) of 0 and 1, zeros for an object without an outline.

        Raises ValueError for a code of another size, or one that cannot be read.
        """
        masks = np.zeros((len(rows), height, width), np.uint8)
        polygons = {place: self._polygons(row, height, width) for place, row in enumerate(rows) if self._drawn[row]}
        for place, row in enumerate(rows):
            if row in self._codes:
                masks[place] = _decoded(self._codes[row], height, width)
        if not polygons:
            return masks
        codes = list(polygons.values())
        columns = _filled(codes)  # column by column; turning around what is in the boxes alone takes a fraction
        boxes = np.asarray(rle.toBbox(codes)).astype(int)
        for number, (place, (left, top, across, down)) in enumerate(zip(polygons, boxes, strict=True)):
            inside = (slice(top, top + down), slice(left, left + across))
            masks[place][inside] = columns[:, :, number][inside]
        return masks

    def _polygons(self, row: int, height: int, width: int) -> Any:
        """The run-length code of an object's polygons."""
        polygons = [
            self._numbers[self._ends[number] : self._ends[number + 1]].tolist()
            for number in range(self._first[row], self._first[row + 1])
        ]
        return rle.merge(rle.frPyObjects(polygons, height, width))


def _filled(codes: list[Any]) -> Bytes:
    """(height, width, N) of pycocotools' own codes."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # its arrays are of an older numpy
        masks: Bytes = rle.decode(codes)
    return masks


def _decoded(code: Mapping[str, Any], height: int, width: int) -> Bytes:
    """A code of a file, by the library that notices when it is of more or fewer pixels; raises ValueError."""
    if list(code["size"]) != [height, width]:
        raise ValueError(f"a run-length code is for {code['size']}, the image is {[height, width]}")
    packed = strict.frPyObjects(code, height, width) if isinstance(code["counts"], list) else code
    mask: Bytes = strict.decode(packed)
    return mask


def _checked(code: Mapping[str, Any]) -> Mapping[str, Any]:
    if len(code.get("size", ())) != 2 or not isinstance(code.get("counts"), list | str):
        raise ValueError("a run-length code lacks its size or its counts")
    return code
