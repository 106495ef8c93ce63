"""Compares the size of an image with its annotated size. Boxes are in pixels of the annotated size: in an image of a
different size they are in the wrong places, or outside it.

A photo is rotated according to its EXIF orientation if that gives the annotated size: then the upright image was
annotated. Images of any other size are refused, as by detectron2's `check_image_size`; those of COCO and VOC pass.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from PIL import Image, ImageOps

from attnctl.datasets.class_folders import IMAGE_FORMATS
from attnctl.datasets.pixels import DAMAGED
from attnctl.files import open_regular
from attnctl.jobs.data.errors import DataError, reading_error
from attnctl.jobs.data.images import failure_reason, orientation

Size = tuple[int, int]
"""(height, width)."""

_SIDEWAYS = (5, 6, 7, 8)
"""EXIF orientations that swap height and width (CIPA DC-008, 4.6.5.1.6)."""


class ImageSizeError(DataError):
    """An image does not have its annotated size. size: its actual size; problem: the message without advice."""

    def __init__(self, name: str, size: Size, annotated: Size) -> None:
        self.size = size
        self.problem = f"{name} is {size[1]}x{size[0]} pixels, but its annotation says {annotated[1]}x{annotated[0]}"
        super().__init__(
            f"{self.problem}, so its boxes do not fit; `attnctl data check DATASET --images` lists all such images"
        )


class StoredSize(NamedTuple):
    """The size of an image as stored in its file. orientation: from EXIF, 1 if there is none."""

    size: Size
    orientation: int = 1

    def needs_rotation(self, annotated: Size) -> bool:
        """Whether the image has the annotated size only after its EXIF rotation."""
        return annotated != self.size and self.orientation in _SIDEWAYS and annotated == self.size[::-1]


def read_stored(path: Path) -> StoredSize:
    """Read the size from the header of an image file; raises DataError."""
    try:
        with open_regular(path) as stream, Image.open(stream, formats=IMAGE_FORMATS) as image:
            return stored_size(image)
    except DAMAGED as error:
        raise reading_error(f"{path} cannot be read: {failure_reason(error)}", error) from error


def stored_size(image: Image.Image) -> StoredSize:
    """The size of an opened image file, and its EXIF orientation."""
    return StoredSize((image.height, image.width), orientation(image))


def check_size(stored: StoredSize, name: str, annotated: Size | None) -> None:
    """Raise ImageSizeError if an image has its annotated size neither as stored nor rotated; None: not annotated."""
    if annotated not in (None, stored.size) and not stored.needs_rotation(annotated):
        raise ImageSizeError(name, stored.size, annotated)


def as_annotated(image: Image.Image, name: str, annotated: Size | None) -> Image.Image:
    """The image, rotated if it has its annotated size only then; raises ImageSizeError."""
    if annotated in (None, (image.height, image.width)):
        return image
    check_size(stored_size(image), name, annotated)
    return ImageOps.exif_transpose(image)
