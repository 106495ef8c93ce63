"""Whether an image has the size that it is annotated with. Boxes are in pixels of the annotated size: on an image of
another size they are in the wrong places, or outside it.

Photos that lie on their side are turned as their EXIF orientation says when that gives the annotated size: the
annotations were then made on the upright image. An image of any other size is refused, as by detectron2's
`check_image_size`, which COCO and VOC pass.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from PIL import ExifTags, Image, ImageOps

from attnctl.jobs.data.errors import DataError
from attnctl.jobs.data.images import DAMAGED, reason

Size = tuple[int, int]
"""(height, width)."""

_SIDEWAYS = (5, 6, 7, 8)
"""EXIF orientations that exchange height and width (CIPA DC-008, 4.6.5.1.6)."""


class ImageSizeError(DataError):
    """An image that does not have its annotated size. size: its own. finding: the message without advice."""

    def __init__(self, name: str, size: Size, annotated: Size) -> None:
        self.size = size
        self.finding = f"{name} is {size[1]}x{size[0]} pixels, but its annotation says {annotated[1]}x{annotated[0]}"
        super().__init__(
            f"{self.finding}, so its boxes do not fit; `attnctl data check DATASET --images` names all such images"
        )


class Stored(NamedTuple):
    """An image as its file stores its pixels. orientation: EXIF's, 1 where it says none."""

    size: Size
    orientation: int = 1

    def turns(self, annotated: Size) -> bool:
        """Whether the image has the annotated size only when it is turned upright."""
        return annotated != self.size and self.orientation in _SIDEWAYS and annotated == self.size[::-1]


def read_stored(path: Path) -> Stored:
    """Of an image file, whose header alone is read; raises DataError."""
    try:
        with Image.open(path) as image:
            return _stored(image)
    except DAMAGED as error:
        raise DataError(f"{path} cannot be read: {reason(error)}") from error


def _stored(image: Image.Image) -> Stored:
    try:
        orientation = int(image.getexif().get(ExifTags.Base.Orientation, 1))
    except (*DAMAGED, TypeError):  # damaged EXIF data does not keep the pixels from being read
        orientation = 1
    return Stored((image.height, image.width), orientation)


def check_size(stored: Stored, name: str, annotated: Size | None) -> None:
    """Raise ImageSizeError when an image has not its annotated size, turned upright or not; None is not annotated."""
    if annotated not in (None, stored.size) and not stored.turns(annotated):
        raise ImageSizeError(name, stored.size, annotated)


def as_annotated(image: Image.Image, name: str, annotated: Size | None) -> Image.Image:
    """The image, turned upright when it has its annotated size only then; raises ImageSizeError."""
    if annotated in (None, (image.height, image.width)):
        return image
    check_size(_stored(image), name, annotated)
    return ImageOps.exif_transpose(image)
