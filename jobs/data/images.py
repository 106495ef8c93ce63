"""One image file to one tensor: decoding, and torchvision's transforms with randomness of the sample's own."""

from __future__ import annotations

import io
import struct
from collections.abc import Callable

import torch
from PIL import Image
from torch import Tensor
from torch.utils.data import Dataset
from torchvision.transforms import v2

from attnctl.jobs.data.errors import DataError
from attnctl.jobs.data.files import ImageFiles
from attnctl.jobs.data.loader import Unreadable, Wanted, drawing

Transform = Callable[[Image.Image], Tensor]
DAMAGED = (OSError, SyntaxError, ValueError, EOFError, struct.error, Image.DecompressionBombError)
"""What Pillow raises for a file that is damaged, or no image."""


class Images(Dataset[tuple[Tensor, int] | Unreadable]):
    """Decoded and transformed images, by `Wanted`."""

    def __init__(self, files: ImageFiles, transform: Transform, seed: int) -> None:
        self._files = files
        self._transform = transform
        self._seed = seed

    def __getitem__(self, wanted: Wanted) -> tuple[Tensor, int] | Unreadable:
        number = wanted.number
        try:
            image = decoded(lambda: self._files.read(number), self._files.name(number))
        except DataError as error:
            return Unreadable(str(error))
        with drawing(self._seed, wanted):
            return self._transform(image), int(self._files.labels[wanted.number])


def decoded(read: Callable[[], bytes], name: str) -> Image.Image:
    """The image that `read` gives, in three channels; raises DataError naming it."""
    try:
        with Image.open(io.BytesIO(read())) as encoded:
            encoded.load()
            return encoded if encoded.mode == "RGB" else encoded.convert("RGB")  # which would copy it
    except DAMAGED as error:
        raise DataError(f"{name} cannot be read: {reason(error)}") from error


def reason(error: Exception) -> str:
    """Why an image cannot be read, in words: the system's, or that it is damaged."""
    return str(error) if isinstance(error, OSError) and error.errno else "damaged or not an image"


def collate(samples: list[tuple[Tensor, int] | Unreadable]) -> tuple[Tensor, Tensor] | Unreadable:
    """A batch: (B, 3, H, W) uint8 and (B,) int64; or the first of its samples that could not be read."""
    images, labels = [], []
    for sample in samples:
        if isinstance(sample, Unreadable):
            return sample
        images.append(sample[0])
        labels.append(sample[1])
    return torch.stack(images), torch.tensor(labels)


def transforms(augment: str, side: int) -> tuple[Transform, Transform]:
    """(training, evaluation) to (3, side, side) uint8; raises DataError for an augmentation of sets in memory.

    Training: random area of 8% to 100% at an aspect of 3/4 to 4/3, scaled, flipped (Szegedy et al., 2015). Evaluation:
    the shorter side to 256/224 of `side`, then the centre.
    """
    evaluation = v2.Compose([v2.Resize(round(side * 256 / 224)), v2.CenterCrop(side), v2.PILToTensor()])
    if augment == "none":
        return evaluation, evaluation
    if augment == "imagenet":
        return v2.Compose([v2.RandomResizedCrop(side), v2.RandomHorizontalFlip(), v2.PILToTensor()]), evaluation
    raise DataError(f"augment {augment} is for data sets in memory; image files take none, imagenet")
