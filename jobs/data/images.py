"""Loads image files as tensors: decoding, and crops and augmentations with a random generator per sample.

What changes the pixels of an image here raises `attnctl.datasets.descriptor.READER`, which is in the ids of runs.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from PIL import ExifTags, Image, ImageFile
from torch import Tensor
from torch.utils.data import Dataset

from attnctl.datasets.class_folders import IMAGE_FORMATS
from attnctl.datasets.pixels import DAMAGED, MOST_PIXELS, is_deep, is_too_large, scaled
from attnctl.jobs.data import jpeg
from attnctl.jobs.data.crops import CentreCrop, RandomCrop, to_pixels
from attnctl.jobs.data.errors import DataError, reading_error
from attnctl.jobs.data.files import ImageFiles
from attnctl.jobs.data.loader import SampleRequest, Unreadable, sample_rng
from attnctl.jobs.data.policies import Change
from attnctl.recipe_parts import is_policy

Transform = Callable[[Tensor], Tensor]
"""An image (3, H, W) uint8 of any size -> the image for the network, (3, side, side) uint8."""


class Images(Dataset[tuple[Tensor, int] | Unreadable]):
    """Decoded and transformed images, by `SampleRequest`."""

    def __init__(self, files: ImageFiles, transform: Transform, seed: int) -> None:
        self._files = files
        self._transform = transform
        self._seed = seed

    def __getitem__(self, request: SampleRequest) -> tuple[Tensor, int] | Unreadable:
        number = request.number
        try:
            image = read_pixels(lambda: self._files.read(number), self._files.name(number))
        except DataError as error:
            return Unreadable.of(error)
        with sample_rng(self._seed, request):
            return self._transform(image), int(self._files.labels[request.number])


def decode(read: Callable[[], bytes], name: str) -> Image.Image:
    """The image that `read` returns, as RGB in 8 bits; raises DataError with `name`, MissingDataError if it is not
    there.

    The pixels are used as stored: not turned by an EXIF orientation, without transparency, and of several frames the
    first, as by torchvision's ImageFolder.
    """
    with _opened(read, name) as (_, encoded):
        return _loaded(encoded, name)


def read_pixels(read: Callable[[], bytes], name: str) -> Tensor:
    """The pixels of `decode`, (3, H, W) uint8. Ordinary JPEG files are decoded by torchvision."""
    with _opened(read, name) as (content, encoded):
        if encoded.format == "JPEG" and encoded.mode in jpeg.MODES:
            decoded = jpeg.decode(content)
        else:
            decoded = _uncompressed(content, encoded)
        return to_pixels(_loaded(encoded, name)) if decoded is None else decoded  # Pillow says what is wrong


def _uncompressed(content: bytes, encoded: ImageFile.ImageFile) -> Tensor | None:
    """The pixels of a PPM file of bytes, as packed images can be; None for any other, or if pixels are missing."""
    if encoded.format != "PPM":
        return None
    (codec, _, start, form), size = encoded.tile[0], 3 * encoded.width * encoded.height
    if (codec, form) != ("raw", "RGB") or len(content) < start + size:
        return None
    pixels = torch.frombuffer(bytearray(content), dtype=torch.uint8, count=size, offset=start)
    return pixels.view(encoded.height, encoded.width, 3).permute(2, 0, 1)


@contextmanager
def _opened(read: Callable[[], bytes], name: str) -> Iterator[tuple[bytes, ImageFile.ImageFile]]:
    """The content and the opened header of an image that is not too large; raises DataError, also for the block."""
    try:
        content = read()
        with Image.open(io.BytesIO(content), formats=IMAGE_FORMATS) as encoded:
            if is_too_large(encoded):
                raise DataError(
                    f"{name} has {encoded.width} x {encoded.height} pixels; make it smaller, down to"
                    f" {MOST_PIXELS // 1_000_000} million"
                )
            yield content, encoded
    except DataError:
        raise
    except DAMAGED as error:
        raise reading_error(f"{name} cannot be read: {failure_reason(error)}", error) from error


def _loaded(encoded: Image.Image, name: str) -> Image.Image:
    encoded.load()
    return encoded if encoded.mode == "RGB" else as_rgb(encoded, name)  # convert would copy an RGB image


_TO_8_BITS = ("1", "L", "P", "LA", "PA", "La", "RGBA", "RGBX", "RGBa", "CMYK", "YCbCr")
"""The modes that Pillow converts to RGB without loss of range."""


def as_rgb(image: Image.Image, name: str) -> Image.Image:
    """The image in 8 bits. Pillow itself would cut 16 bits off at 255, which leaves a white image. Raises DataError."""
    if image.mode in _TO_8_BITS:
        return image.convert("RGB")
    if is_deep(image):
        return scaled(image).convert("RGB")
    raise DataError(
        f"{name} has pixels of mode {image.mode}, whose range is unknown; convert it to 8 or 16 bits per channel"
    )


def forms_of(content: bytes) -> list[str]:
    """The forms in which an image is stored that `decode` does not keep, to be counted; none for an ordinary image."""
    with Image.open(io.BytesIO(content), formats=IMAGE_FORMATS) as encoded:
        found = {
            "with an EXIF orientation, used as stored": orientation(encoded) != 1,
            "with transparency, which is dropped": encoded.has_transparency_data,
            "of 16 bits per pixel, scaled to 8": encoded.mode.startswith("I"),
            "of several frames, of which the first is used": getattr(encoded, "n_frames", 1) > 1,
        }
    return [form for form, applies in found.items() if applies]


def orientation(image: Image.Image) -> int:
    """The EXIF orientation of an opened image file; 1 if there is none."""
    try:
        return int(image.getexif().get(ExifTags.Base.Orientation, 1))
    except (*DAMAGED, TypeError):  # the pixels can be read even if the EXIF data is damaged
        return 1


def failure_reason(error: Exception) -> str:
    """Why an image cannot be read: the system's error message, or that it is damaged."""
    return str(error) if isinstance(error, OSError) and error.errno else "damaged or not an image"


def collate(samples: list[tuple[Tensor, int] | Unreadable]) -> tuple[Tensor, Tensor] | Unreadable:
    """A batch: (B, 3, H, W) uint8 and (B,) int64; or the first sample that is unreadable."""
    images, labels = [], []
    for sample in samples:
        if isinstance(sample, Unreadable):
            return sample
        images.append(sample[0])
        labels.append(sample[1])
    return torch.stack(images), torch.tensor(labels)


def transforms(
    augment: str, side: int, eval_resize: str = "bilinear", change: Change | None = None
) -> tuple[Transform, Transform]:
    """(training, evaluation) transforms to (3, side, side) uint8; raises DataError if `augment` is not for files.

    Pixels differ by at most one level (see `crops`) from those of torchvision's reference: RandomResizedCrop and
    RandomHorizontalFlip for training, Resize and CenterCrop for evaluation, on Pillow's images. eval_resize: bilinear
    or bicubic. change: the augmentation of single images, after crop and flip if it is one of torchvision's.
    """
    evaluation = CentreCrop(side, eval_resize)
    if augment == "none":
        return evaluation, evaluation
    crop = RandomCrop(side)
    if change is not None:
        return (lambda image: change(crop(image))) if is_policy(augment) else change, evaluation
    if augment == "imagenet":
        return crop, evaluation
    raise DataError(f"augment={augment} is for data sets in memory; for image files, use none or imagenet")
