"""Images with several objects and their annotations, whatever file format they come from.

Training leaves out objects that are crowds or difficult, or whose box, clipped to the image, is less than one pixel
wide or high, and images without any other objects. Evaluation keeps all objects as published, as the data sets' own
tools do. Boxes of negative size are invalid and left out of both. What is left out is reported when the data are
opened.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np
import numpy.typing as npt
from PIL import Image

from attnctl.jobs.data.sizes import Size, StoredSize
from attnctl.units import plural, quantity
from attnctl.values import comma_join

Floats = npt.NDArray[np.float32]
Integers = npt.NDArray[np.int64]
Bytes = npt.NDArray[np.uint8]
Flags = npt.NDArray[np.bool_]

SMALLEST = 1.0
"""The minimum size in pixels of the shorter side of a box in training, as in mmdetection and YOLOX."""

IGNORED = 255
"""The value of ignored pixels in a class map."""


class Objects(NamedTuple):
    """The annotated objects of one image.

    boxes: (N, 4) x1 y1 x2 y2 in pixels from the upper left corner. labels: (N,) from 1. area: (N,) in pixels. crowd:
    (N,) many objects in one annotation (COCO). difficult: (N,) hard to recognise, need not be detected (VOC). outlined:
    (N,) whether it has a mask.
    """

    boxes: Floats
    labels: Integers
    area: Floats
    crowd: Flags
    difficult: Flags
    outlined: Flags

    def at(self, chosen: npt.NDArray[np.bool_] | npt.NDArray[np.int64]) -> Objects:
        """The objects selected by a boolean mask or by indices."""
        return Objects._make(column[chosen] for column in self)


class Scenes(Protocol):
    """The images of one part of a data set, numbered from 0, with their annotations."""

    @property
    def table(self) -> ObjectTable:
        """The objects of all images; empty if there are only class maps."""

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the classes, in order."""

    @property
    def categories(self) -> tuple[int, ...]:
        """The data set's own ids of the classes, in order; they may have gaps."""

    def __len__(self) -> int:
        """The number of images."""

    def number(self, index: int) -> int:
        """The image's id in the data set."""

    def name(self, index: int) -> str:
        """The location of the image, for messages."""

    def stored(self, index: int) -> StoredSize:
        """The size and orientation in the image file; raises DataError."""

    def image(self, index: int) -> Image.Image:
        """The image as RGB in its annotated size; raises DataError, and ImageSizeError if its size is different."""

    def masks(self, index: int, height: int, width: int) -> Bytes:
        """(N, height, width) of 0 and 1, for each object in the table; raises DataError."""

    def classes(self, index: int, height: int, width: int) -> Bytes:
        """(height, width), the class of each pixel; 0 is background, 255 is ignored. Raises DataError."""


@dataclass(frozen=True)
class ObjectTable:
    """The objects of many images, in a few arrays: worker processes would copy a million Python objects.

    first: (n + 1,), the objects of image i are the rows first[i] to first[i + 1]. sizes: (n, 2), the annotated height
    and width; if they are missing, those of the file for images with objects, otherwise 0.
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
        """The annotated size of an image, or None if unknown."""
        height, width = self.sizes[index].tolist()
        return (height, width) if min(height, width) > 0 else None

    def images(self) -> Integers:
        """(M,): the index of the image of each object."""
        return np.repeat(np.arange(len(self)), np.diff(self.first))


def make_table(images: Sequence[Objects], sizes: Sequence[tuple[int, int]]) -> ObjectTable:
    """The table of the objects of these images."""
    columns = (np.concatenate(column) for column in zip(no_objects(), *images, strict=True))
    first = np.cumsum([0, *(len(image.labels) for image in images)])
    return ObjectTable(first, Objects._make(columns), np.array(sizes, dtype=np.int64).reshape(-1, 2))


def no_objects() -> Objects:
    """An empty set of objects."""
    flags = np.zeros(0, np.bool_)
    return Objects(np.zeros((0, 4), np.float32), np.zeros(0, np.int64), np.zeros(0, np.float32), flags, flags, flags)


def valid_boxes(objects: Objects) -> Flags:
    """Which boxes have no negative size; the others are left out even of evaluations."""
    boxes = objects.boxes
    flags: Flags = (boxes[:, 2] >= boxes[:, 0]) & (boxes[:, 3] >= boxes[:, 1])
    return flags


def clip(objects: Objects, height: int, width: int, *, masks: bool) -> tuple[Objects, Flags]:
    """Clip the boxes to the image; also returns which objects can be trained on, with or without masks."""
    limits = np.array([width, height, width, height], np.float32)
    boxes = objects.boxes.clip(0, limits)
    large = (boxes[:, 2:] - boxes[:, :2] >= SMALLEST).all(1)
    good = large & ~objects.crowd & ~objects.difficult & valid_boxes(objects)
    return objects._replace(boxes=boxes), good & objects.outlined if masks else good


def outside(objects: Objects, annotated: Size, size: Size) -> int:
    """How many objects could be trained on in an image of the annotated size, but not in one of its actual size."""
    fits, remains = (clip(objects, *limits, masks=False)[1] for limits in (annotated, size))
    return int((fits & ~remains).sum())


class LeftOut(NamedTuple):
    """Numbers of objects and images that a training leaves out of a part."""

    negative: int
    """Boxes of negative size; also left out of evaluations."""
    small: int
    """Boxes of less than a pixel, or outside their image."""
    crowds: int
    difficult: int
    bare: int
    """Objects without a mask, if masks are trained on."""
    images: int
    """Images without an object to train on."""
    first: str
    """The first negative or small box: its image and corners."""
    cut: int
    """Boxes that end more than a pixel outside their image; they are cut at its edge, not left out."""
    objects: int
    """All of the part."""

    def cuts(self) -> str:
        """One line about the boxes that are cut; empty if none is."""
        if not self.cut:
            return ""
        many = self.cut * 2 > self.objects
        doubt = "; are they written as [x, y, width, height] (COCO) or as corners (VOC)?" if many else ""
        are = plural(self.cut, "is", "are")
        return f"{self.cut} of {quantity(self.objects, 'box', 'boxes')} {are} cut at the edge of the image{doubt}"

    def summary(self) -> str:
        """One line about the training; empty if nothing is left out."""
        counts = (
            (self.negative, "box of negative size", "boxes of negative size"),
            (
                self.small,
                "box outside its image or less than a pixel wide or high",
                "boxes outside their image or less than a pixel wide or high",
            ),
            (self.crowds, "crowd", "crowds"),
            (self.difficult, "difficult object", "difficult objects"),
            (self.bare, "object without a mask", "objects without a mask"),
            (self.images, "image without objects to train on", "images without objects to train on"),
        )
        text = comma_join([quantity(count, *nouns) for count, *nouns in counts if count])
        return f"{text}; the first invalid box: {self.first}" if self.first else text


def trainable(scenes: Scenes, *, masks: bool) -> tuple[Integers, LeftOut]:
    """The indices of the images with objects to train on, ascending, and what is left out."""
    table = scenes.table
    images = table.images()
    sizes = np.where(table.sizes > 0, table.sizes, np.inf).astype(np.float32)[images]
    limits = np.stack([sizes[:, 1], sizes[:, 0], sizes[:, 1], sizes[:, 0]], axis=1)
    boxes = table.objects.boxes.clip(0, limits)
    objects = table.objects
    negative = ~valid_boxes(objects)
    small = ~negative & ~(boxes[:, 2:] - boxes[:, :2] >= SMALLEST).all(1)
    good = ~negative & ~small & ~objects.crowd & ~objects.difficult
    bare = good & ~objects.outlined if masks else np.zeros_like(good)
    good &= ~bare
    used = np.unique(images[good])
    invalid = np.flatnonzero(negative | small)
    cut = ~negative & ~small & (abs(objects.boxes - boxes) > 1).any(1)
    return used, LeftOut(
        negative=int(negative.sum()),
        small=int(small.sum()),
        crowds=int(objects.crowd.sum()),
        difficult=int(objects.difficult.sum()),
        bare=int(bare.sum()),
        images=len(table) - len(used),
        first=f"{scenes.name(int(images[invalid[0]]))} {objects.boxes[invalid[0]].tolist()}" if len(invalid) else "",
        cut=int(cut.sum()),
        objects=len(cut),
    )
