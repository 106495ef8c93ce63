"""Outlines of objects in COCO's formats: polygons, and run-length encodings (RLE), compressed or not.

Polygons are kept in a few arrays: as Python objects, forty million numbers would take gigabytes in each worker process.
"""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from faster_coco_eval.core import mask as strict
from pycocotools import mask as rle

from attnctl.jobs.data.scenes import Bytes, Flags
from attnctl.units import quantity

_CORNERS = 3
"""A polygon with fewer corners has no area."""

_FARTHEST = 1e5
"""Pixels of a corner from the image's first pixel; larger images than this do not exist."""

_MOST_PIXELS, _MOST_TIMES = 100_000, 4
"""An object's outlines have at most this many pixels, and so many times those of the image."""


class Outlines:
    """The outlines of many objects, by number. present: (M,), which objects have an outline.

    segmentations: from the annotations: polygons [[x1, y1, x2, y2, ...], ...], a run-length encoding with `size` and
    `counts`, or None. Raises ValueError for anything else.
    """

    present: Flags

    def __init__(self, segmentations: Sequence[Any]) -> None:
        self._codes: dict[int, Mapping[str, Any]] = {}
        polygons: list[Sequence[float]] = []
        counts = np.zeros(len(segmentations), np.int64)
        for number, outline in enumerate(segmentations):
            if isinstance(outline, Mapping):
                self._codes[number] = _check(outline)
            elif outline:
                kept = [polygon for polygon in outline if len(polygon) >= 2 * _CORNERS]
                counts[number] = len(kept)
                polygons += kept
        lengths = np.array([len(polygon) for polygon in polygons], np.int64)
        if (lengths % 2).any():
            odd = quantity(int(lengths[np.argmax(lengths % 2)]), "number")
            raise ValueError(f"a polygon has {odd} instead of x, y pairs")
        self._numbers = np.fromiter(itertools.chain.from_iterable(polygons), np.float64, int(lengths.sum()))
        self._ends = np.concatenate([[0], np.cumsum(lengths)])  # of the polygons, in numbers
        self._first = np.concatenate([[0], np.cumsum(counts)])  # polygon of each object
        self._has_polygons = counts > 0
        self.present = self._has_polygons.copy()
        self.present[list(self._codes)] = True

    def fill(self, rows: Sequence[int], height: int, width: int) -> Bytes:
        """(N, height, width) of 0 and 1, zeros for an object without an outline.

        Raises ValueError for a run-length encoding that is invalid or for another size.
        """
        masks = np.zeros((len(rows), height, width), np.uint8)
        polygons = {
            index: self._polygons(row, height, width) for index, row in enumerate(rows) if self._has_polygons[row]
        }
        for index, row in enumerate(rows):
            if row in self._codes:
                masks[index] = _decode(self._codes[row], height, width)
        if not polygons:
            return masks
        codes = list(polygons.values())
        columns = _decode_own(codes)  # column-major; transposing only the parts inside the boxes is much faster
        boxes = np.asarray(rle.toBbox(codes)).astype(int)
        for number, (index, (left, top, across, down)) in enumerate(zip(polygons, boxes, strict=True)):
            inside = (slice(top, top + down), slice(left, left + across))
            masks[index][inside] = columns[:, :, number][inside]
        return masks

    def _polygons(self, row: int, height: int, width: int) -> Any:
        """The run-length encoding of an object's polygons. Raises ValueError."""
        first, last = self._first[row], self._first[row + 1]
        polygons = [self._numbers[self._ends[number] : self._ends[number + 1]] for number in range(first, last)]
        _check_polygons(polygons, height, width)
        return rle.merge(rle.frPyObjects([polygon.tolist() for polygon in polygons], height, width))


def _check_polygons(polygons: Sequence[npt.NDArray[np.float64]], height: int, width: int) -> None:
    """Raise ValueError for polygons that pycocotools cannot fill: it writes outside its memory for NaN or 1e9, and it
    allocates memory for every pixel of an outline, inside the image or not."""
    pixels = 0.0
    for polygon in polygons:
        if not (np.abs(polygon) <= _FARTHEST).all():  # false for NaN
            raise ValueError("a polygon has a corner that is not a number, or far outside the image")
        corners = polygon.reshape(-1, 2)
        pixels += float(np.abs(corners - np.roll(corners, 1, 0)).max(1).sum())
    if pixels > _MOST_PIXELS + _MOST_TIMES * height * width:
        raise ValueError("its polygons are far longer than the image has pixels")


def _decode_own(codes: list[Any]) -> Bytes:
    """(height, width, N), from encodings that pycocotools made."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # pycocotools uses an old API of numpy
        masks: Bytes = rle.decode(codes)
    return masks


def _decode(code: Mapping[str, Any], height: int, width: int) -> Bytes:
    """Decode an encoding from a file with the library that detects a wrong number of pixels; raises ValueError."""
    if list(code["size"]) != [height, width]:
        raise ValueError(f"a run-length encoding is for size {code['size']}, but the image is {[height, width]}")
    compressed = strict.frPyObjects(code, height, width) if isinstance(code["counts"], list) else code
    mask: Bytes = strict.decode(compressed)
    return mask


def _check(code: Mapping[str, Any]) -> Mapping[str, Any]:
    size, counts = code.get("size"), code.get("counts")
    if not isinstance(size, list) or len(size) != 2 or not isinstance(counts, list | str):
        raise ValueError("a run-length encoding lacks its size or its counts")
    if isinstance(counts, list) and not all(type(count) is int and 0 <= count < 1 << 32 for count in counts):
        raise ValueError("a run-length encoding has counts that are not numbers of pixels")
    if isinstance(counts, str) and not counts.isascii():
        raise ValueError("a run-length encoding has counts that are not ASCII text")
    return code
