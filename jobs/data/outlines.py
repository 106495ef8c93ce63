"""Outlines of objects as COCO's files hold them: polygons, and run-length codes, compressed or not.

Polygons are kept in few arrays: forty million numbers of Python's own would take gigabytes, in every worker process.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from faster_coco_eval.core import mask as rle

from jobs.data.scenes import Bytes, Flags

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
            raise ValueError(f"a polygon has {lengths[np.argmax(lengths % 2)]} numbers, which are not pairs")
        self._numbers = np.fromiter(itertools.chain.from_iterable(polygons), np.float64, int(lengths.sum()))
        self._ends = np.concatenate([[0], np.cumsum(lengths)])  # of the polygons, in numbers
        self._first = np.concatenate([[0], np.cumsum(counts)])  # polygon of each object
        self.present = counts > 0
        self.present[list(self._codes)] = True

    def filled(self, rows: Sequence[int], height: int, width: int) -> Bytes:
        """(N, height, width) of 0 and 1, zeros for an object without an outline.

        Raises ValueError for a code of another size, or one that cannot be read.
        """
        masks = np.zeros((len(rows), height, width), np.uint8)
        coded = {place: self._code(row, height, width) for place, row in enumerate(rows) if self.present[row]}
        if coded:
            masks[list(coded)] = rle.decode(list(coded.values())).transpose(2, 0, 1)
        return masks

    def _code(self, row: int, height: int, width: int) -> Any:
        """The object's run-length code, compressed."""
        if row in self._codes:
            code = self._codes[row]
            if list(code["size"]) != [height, width]:
                raise ValueError(f"a run-length code is for {code['size']}, the image is {[height, width]}")
            return rle.frPyObjects(code, height, width) if isinstance(code["counts"], list) else code
        polygons = [
            self._numbers[self._ends[number] : self._ends[number + 1]].tolist()
            for number in range(self._first[row], self._first[row + 1])
        ]
        return rle.merge(rle.frPyObjects(polygons, height, width))


def _checked(code: Mapping[str, Any]) -> Mapping[str, Any]:
    if len(code.get("size", ())) != 2 or not isinstance(code.get("counts"), list | str):
        raise ValueError("a run-length code lacks its size or its counts")
    return code
