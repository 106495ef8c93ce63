"""Images with many objects: what is annotated on them, whatever files it comes from.

Of the annotations of a training image, those are left out that are crowds or difficult, or whose box, cut to the image,
is less than a pixel wide or high; images that then have no object are not trained on. An evaluation keeps all
as published, as the data sets' own tools do. A box of negative size is no box and left out of both. What is left out
is told when the data are opened.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np
import numpy.typing as npt
from PIL import Image

from attnctl.jobs.data.sizes import Size, Stored
from attnctl.values import comma_join

Floats = npt.NDArray[np.float32]
Integers = npt.NDArray[np.int64]
Bytes = npt.NDArray[np.uint8]
Flags = npt.NDArray[np.bool_]

SMALLEST = 1.0
"""Pixels of the shorter side of a box that is trained on, at least; as in mmdetection and YOLOX."""

IGNORED = 255
"""In a class map: of no class that counts."""


class Objects(NamedTuple):
    """What is annotated on one image.

    boxes: (N, 4) x1 y1 x2 y2 in pixels, from the image's upper left corner. labels: (N,) from 1. area: (N,) in pixels.
    crowd: (N,) many objects under one annotation (COCO). difficult: (N,) hard to see, needs not be found (VOC).
    outlined: (N,) it has a mask.
    """

    boxes: Floats
    labels: Integers
    area: Floats
    crowd: Flags
    difficult: Flags
    outlined: Flags

    def at(self, chosen: npt.NDArray[np.bool_] | npt.NDArray[np.int64]) -> Objects:
        """Those of a mask, or of indices."""
        return Objects._make(column[chosen] for column in self)


class Scenes(Protocol):
    """The images of one part of a data set, by number from 0, and what is on them."""

    @property
    def table(self) -> Table:
        """The objects of all images; empty where the set has class maps alone."""

    @property
    def names(self) -> tuple[str, ...]:
        """Of the classes, in their order."""

    @property
    def categories(self) -> tuple[int, ...]:
        """The data set's own id of each class, in their order: they may have gaps."""

    def __len__(self) -> int:
        """Images."""

    def number(self, index: int) -> int:
        """The image's id in the data set."""

    def name(self, index: int) -> str:
        """Where the image is, for a person."""

    def stored(self, index: int) -> Stored:
        """The image's size and orientation in its file; raises DataError."""

    def image(self, index: int) -> Image.Image:
        """The image in three channels and in its annotated size; raises DataError, ImageSizeError for another size."""

    def masks(self, index: int, height: int, width: int) -> Bytes:
        """(N, height, width) of 0 and 1, of each object in the table; raises DataError."""

    def classes(self, index: int, height: int, width: int) -> Bytes:
        """(height, width), the class of each pixel, 0 is background, 255 is ignored; raises DataError."""


@dataclass(frozen=True)
class Table:
    """The objects of many images, in few arrays: a million of Python's own would be copied into every worker process.

    first: (n + 1,): the objects of image i are the rows first[i] to first[i + 1]. sizes: (n, 2) height and width
    as annotated; else those of the file where there are objects, or 0.
    """

    first: Integers
    objects: Objects
    sizes: Integers

    def __len__(self) -> int:
        return len(self.first) - 1

    def of(self, index: int) -> Objects:
        """The objects of an image."""
        begin, end = self.first[index], self.first[index + 1]
        return Objects._make(column[begin:end] for column in self.objects)

    def size(self, index: int) -> Size | None:
        """The annotated size of an image; None where it is not known."""
        height, width = self.sizes[index].tolist()
        return (height, width) if min(height, width) > 0 else None

    def images(self) -> Integers:
        """(M,): the image of each object."""
        return np.repeat(np.arange(len(self)), np.diff(self.first))


def tabled(images: Sequence[Objects], sizes: Sequence[tuple[int, int]]) -> Table:
    """The table of these images' objects, in their order."""
    columns = (np.concatenate(column) for column in zip(nothing(), *images, strict=True))
    first = np.cumsum([0, *(len(image.labels) for image in images)])
    return Table(first, Objects._make(columns), np.array(sizes, dtype=np.int64).reshape(-1, 2))


def nothing() -> Objects:
    """No objects."""
    flags = np.zeros(0, np.bool_)
    return Objects(np.zeros((0, 4), np.float32), np.zeros(0, np.int64), np.zeros(0, np.float32), flags, flags, flags)


def real(objects: Objects) -> Flags:
    """Which of these are boxes at all, in an evaluation too: those of no negative size."""
    boxes = objects.boxes
    flags: Flags = (boxes[:, 2] >= boxes[:, 0]) & (boxes[:, 3] >= boxes[:, 1])
    return flags


def cut(objects: Objects, height: int, width: int, *, masks: bool) -> tuple[Objects, Flags]:
    """The objects with their boxes cut to the image, and which of them can be trained on, with masks or without."""
    limits = np.array([width, height, width, height], np.float32)
    boxes = objects.boxes.clip(0, limits)
    large = (boxes[:, 2:] - boxes[:, :2] >= SMALLEST).all(1)
    good = large & ~objects.crowd & ~objects.difficult & real(objects)
    return objects._replace(boxes=boxes), good & objects.outlined if masks else good


def outside(objects: Objects, annotated: Size, size: Size) -> int:
    """How many objects that can be trained on at the annotated size are left out at the image's own."""
    fits, stays = (cut(objects, *limits, masks=False)[1] for limits in (annotated, size))
    return int((fits & ~stays).sum())


class LeftOut(NamedTuple):
    """What is left out of a part, in numbers."""

    negative: int
    """Boxes of negative size; left out of evaluations too."""
    small: int
    """Boxes of less than a pixel, or outside their image."""
    crowds: int
    difficult: int
    bare: int
    """Objects without a mask, where masks are trained on."""
    images: int
    """Without an object to train on."""
    first: str
    """The first box that is negative or small: its image and its corners."""

    def words(self) -> str:
        """What there is to tell of the training; empty when nothing is left out."""
        counts = (
            (self.negative, "boxes of negative size"),
            (self.small, "boxes outside their image or less than a pixel wide or high"),
            (self.crowds, "crowds"),
            (self.difficult, "difficult objects"),
            (self.bare, "objects without a mask"),
            (self.images, "images without objects to train on"),
        )
        told = comma_join([f"{count} {words}" for count, words in counts if count])
        return f"{told}; the first box that is no good: {self.first}" if self.first else told


def trained_on(scenes: Scenes, *, masks: bool) -> tuple[Integers, LeftOut]:
    """The images that have an object to train on, ascending, and what is left out."""
    table = scenes.table
    images = table.images()
    sizes = np.where(table.sizes > 0, table.sizes, np.inf).astype(np.float32)[images]
    limits = np.stack([sizes[:, 1], sizes[:, 0], sizes[:, 1], sizes[:, 0]], axis=1)
    boxes = table.objects.boxes.clip(0, limits)
    objects = table.objects
    negative = ~real(objects)
    small = ~negative & ~(boxes[:, 2:] - boxes[:, :2] >= SMALLEST).all(1)
    good = ~negative & ~small & ~objects.crowd & ~objects.difficult
    bare = good & ~objects.outlined if masks else np.zeros_like(good)
    good &= ~bare
    learned = np.unique(images[good])
    odd = np.flatnonzero(negative | small)
    return learned, LeftOut(
        negative=int(negative.sum()),
        small=int(small.sum()),
        crowds=int(objects.crowd.sum()),
        difficult=int(objects.difficult.sum()),
        bare=int(bare.sum()),
        images=len(table) - len(learned),
        first=f"{scenes.name(int(images[odd[0]]))} {objects.boxes[odd[0]].tolist()}" if len(odd) else "",
    )
