"""Scanned digits on noisy canvases, with boxes, masks and class maps: a small real task that needs no download.

Every canvas is grey, 128x128, with one to five digits of 20 to 56 pixels that may overlap a little; one in forty is
empty. The mask of a digit consists of the pixels with strong ink that no later digit covers. Pixels with faint ink are
`ignored` in the class map, like the contours in VOC. The test canvases show the digits of the test split of `digits`.
Everything is derived from integer hashes, so it is the same on every machine.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Literal

import numpy as np
from PIL import Image

from attnctl.datasets import describe
from attnctl.jobs.data.scenes import IGNORED, Bytes, Integers, Objects, ObjectTable, make_table
from attnctl.jobs.data.seeding import derive, hashes
from attnctl.jobs.data.sizes import StoredSize

Part = Literal["train", "test"]

SIDE = 128
SIZES = {"train": 600, "test": 150}
_NAMES = tuple("0123456789")

_SMALLEST, _LARGEST = 20, 56
_STRONG, _FAINT = 112, 40
"""Ink, of 255, from which a pixel belongs to the digit, and from which it is not certain to be background."""
_OVERLAP = 0.12
"""The largest allowed overlap of two digits, relative to the smaller frame."""
_TRIES = 8
_DRAWS = 128
"""Random numbers per canvas; fewer are needed."""
_FIELD = 2 * SIDE
"""Side of the field of noise in pixels; each canvas shows a part of it."""


@dataclass(frozen=True)
class Canvases:
    """The `attnctl.jobs.data.scenes.Scenes` of one part, in memory.

    images: (n, 128, 128) grey. owners: (n, 128, 128), k for object k of the canvas, 0 for none, 255 for faint ink.
    """

    part: Part
    images: Bytes
    owners: Bytes
    table: ObjectTable
    names: tuple[str, ...] = _NAMES
    categories: tuple[int, ...] = tuple(range(1, len(_NAMES) + 1))

    def __len__(self) -> int:
        return len(self.images)

    def number(self, index: int) -> int:
        """The canvas's number, from 1, over both parts."""
        return index + 1 + (SIZES["train"] if self.part == "test" else 0)

    def name(self, index: int) -> str:
        """The name of the canvas for messages."""
        return f"canvas {self.number(index)}"

    def stored(self, index: int) -> StoredSize:
        """The size of the canvas."""
        height, width = self.images[index].shape
        return StoredSize((height, width))

    def image(self, index: int) -> Image.Image:
        """The canvas as an RGB image."""
        return Image.fromarray(self.images[index]).convert("RGB")

    def masks(self, index: int, _height: int, _width: int) -> Bytes:
        """(N, 128, 128) of 0 and 1: the visible pixels of each digit."""
        objects = int(self.table.first[index + 1] - self.table.first[index])
        masks: Bytes = (self.owners[index] == np.arange(1, objects + 1)[:, None, None]).astype(np.uint8)
        return masks

    def classes(self, index: int, _height: int, _width: int) -> Bytes:
        """(128, 128): 1 for the digit 0, and so on."""
        labels = np.zeros(256, np.uint8)
        mine = self.table.of(index).labels
        labels[1 : len(mine) + 1] = mine
        labels[IGNORED] = IGNORED
        classes: Bytes = labels[self.owners[index]]
        return classes


@cache
def canvases(part: Part) -> Canvases:
    """The canvases of a part; created once per process, in less than a second."""
    scans, digits = _scans(part)
    field = (hashes(_FIELD * _FIELD, derive("canvases", part, "noise")) >> np.uint64(58)).astype(np.uint8)
    noise = field.reshape(_FIELD, _FIELD)
    draws = hashes(SIZES[part] * _DRAWS, derive("canvases", part)).reshape(-1, _DRAWS)
    drawn = [_draw(row.tolist(), scans, digits, noise) for row in draws]
    return Canvases(
        part,
        np.stack([image for image, _, _ in drawn]),
        np.stack([owners for _, owners, _ in drawn]),
        make_table([objects for _, _, objects in drawn], [(SIDE, SIDE)] * len(drawn)),
    )


def _scans(part: Part) -> tuple[list[Image.Image], Integers]:
    """The 8x8 scans of a part of `digits`, and their labels."""
    from attnctl.jobs.data.digits import read_scans
    from attnctl.jobs.data.split import stratified

    scans, labels = read_scans()
    described = describe("digits")
    train, test = stratified(labels, described.test_size, f"{described.name} test")
    chosen = train if part == "train" else test
    ink = (scans[chosen].reshape(-1, 8, 8) * (255 / 16)).round().astype(np.uint8)
    return [Image.fromarray(scan) for scan in ink], labels[chosen]


class _Drawer:
    """Takes integers in 0..n-1 from a row of hashes, one after the other."""

    def __init__(self, row: list[int]) -> None:
        self._row = iter(row)

    def below(self, n: int) -> int:
        """One of n integers with equal probability."""
        return next(self._row) % n


def _draw(row: list[int], scans: list[Image.Image], digits: Integers, noise: Bytes) -> tuple[Bytes, Bytes, Objects]:
    """Draw a canvas: the image, the owners of its pixels, and its objects."""
    draw = _Drawer(row)
    top, left = draw.below(_FIELD - SIDE), draw.below(_FIELD - SIDE)
    image = noise[top : top + SIDE, left : left + SIDE].copy()
    faint, owners = np.zeros((SIDE, SIDE), np.bool_), np.zeros((SIDE, SIDE), np.uint8)
    wanted = 0 if draw.below(40) == 0 else 1 + draw.below(5)
    labels: list[int] = []
    frames: list[tuple[int, int, int, int]] = []
    for _ in range(wanted):
        scan = draw.below(len(scans))
        height = _SMALLEST + draw.below(_LARGEST - _SMALLEST + 1)
        width = height * (80 + draw.below(41)) // 100
        brightness = 160 + draw.below(96)
        frame = _place(draw, height, width, frames)
        if frame is None:
            continue
        frames.append(frame)
        labels.append(int(digits[scan]) + 1)
        ink = np.asarray(scans[scan].resize((width, height), Image.Resampling.BICUBIC))
        window = (slice(frame[0], frame[0] + height), slice(frame[1], frame[1] + width))
        image[window] = np.maximum(image[window], ink.astype(np.uint16) * brightness // 255)
        owners[window][ink >= _STRONG] = len(labels)
        faint[window] |= ink >= _FAINT
    owners[faint & (owners == 0)] = IGNORED
    return image, owners, _objects(owners, labels)


def _place(
    draw: _Drawer, height: int, width: int, frames: list[tuple[int, int, int, int]]
) -> tuple[int, int, int, int] | None:
    """A free frame (top, left, height, width), or None if there is none; always uses two numbers for each try."""
    free = None
    for _ in range(_TRIES):
        top, left = draw.below(SIDE - height + 1), draw.below(SIDE - width + 1)
        frame = (top, left, height, width)
        if free is None and all(_overlap(frame, other) <= _OVERLAP for other in frames):
            free = frame
    return free


def _overlap(one: tuple[int, int, int, int], other: tuple[int, int, int, int]) -> float:
    """The common area of two frames, relative to the smaller one."""
    rows = min(one[0] + one[2], other[0] + other[2]) - max(one[0], other[0])
    columns = min(one[1] + one[3], other[1] + other[3]) - max(one[1], other[1])
    return max(rows, 0) * max(columns, 0) / min(one[2] * one[3], other[2] * other[3])


def _objects(owners: Bytes, labels: list[int]) -> Objects:
    """The digits with boxes around their visible pixels."""
    boxes, areas = [], []
    for number in range(1, len(labels) + 1):
        rows, columns = np.nonzero(owners == number)
        boxes.append((columns.min(), rows.min(), columns.max() + 1, rows.max() + 1))
        areas.append(len(rows))
    none = np.zeros(len(labels), np.bool_)
    return Objects(
        boxes=np.array(boxes, np.float32).reshape(-1, 4),
        labels=np.array(labels, np.int64),
        area=np.array(areas, np.float32),
        crowd=none,
        difficult=none,
        outlined=~none,
    )
