"""Reads one image with its objects from the files, and turns it into a sample."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from PIL import Image
from torch.utils.data import Dataset

from attnctl.jobs.data.errors import DataError
from attnctl.jobs.data.loader import SampleRequest, Unreadable, sample_rng
from attnctl.jobs.data.scenes import IGNORED, Bytes, Flags, Integers, Objects, Scenes, clip, valid_boxes


class Picture(NamedTuple):
    """An image with its objects. number: its id in the data set.

    masks: (N, H, W) of 0 and 1, if needed. classes: (H, W), if needed.
    """

    image: Image.Image
    number: int
    objects: Objects
    masks: Bytes | None = None
    classes: Bytes | None = None

    @property
    def size(self) -> tuple[int, int]:
        """(height, width)."""
        return self.image.height, self.image.width

    def at(self, chosen: Flags | Integers) -> Picture:
        """The picture with only these objects."""
        if chosen.dtype == np.bool_ and chosen.all():
            return self
        masks = None if self.masks is None else self.masks[chosen]
        return self._replace(objects=self.objects.at(chosen), masks=masks)


@dataclass(frozen=True)
class Reader:
    """Reads the pictures of a part. training: only objects that are trained on; see `jobs/data/scenes.py`.

    limit: class maps must contain only 0 to limit - 1, and 255.
    """

    scenes: Scenes
    training: bool
    masks: bool = False
    classes: bool = False
    limit: int = IGNORED

    def __call__(self, index: int) -> Picture:
        """The picture with that index; raises DataError."""
        image, number = self.scenes.image(index), self.scenes.number(index)
        height, width = image.height, image.width
        picture = Picture(
            image,
            number,
            self.scenes.table.of(index),
            self.scenes.masks(index, height, width) if self.masks else None,
            self._classes(index, height, width) if self.classes else None,
        )
        if not self.training:
            return picture.at(valid_boxes(picture.objects))
        objects, good = clip(picture.objects, height, width, masks=self.masks)
        if picture.masks is not None:
            good &= picture.masks.any((1, 2))  # a tiny outline may contain no pixel centre
        return picture._replace(objects=objects).at(good)

    def _classes(self, index: int, height: int, width: int) -> Bytes:
        classes = self.scenes.classes(index, height, width)
        wrong = classes[(classes >= self.limit) & (classes != IGNORED)]
        if len(wrong):
            raise DataError(
                f"the class map of {self.scenes.name(index)} contains {wrong[0]}; "
                f"its values must be 0 to {self.limit - 1}, or {IGNORED}"
            )
        return classes


Augment = Callable[[Picture], Picture]
"""A random augmentation; draws from torch's default generator, as torchvision's transforms do."""


class Pictures(Dataset[Picture | Unreadable]):
    """The pictures of a part, by `SampleRequest`. augment: returns the augmentation for a step, or None."""

    def __init__(self, read: Reader, seed: int, augment: Callable[[int], Augment | None] = lambda _step: None) -> None:
        self._read, self._seed, self._augment = read, seed, augment

    def __getitem__(self, request: SampleRequest) -> Picture | Unreadable:
        try:
            picture = self._read(request.number)
            augment = self._augment(request.draw[0])
            if augment is None:
                return picture
            with sample_rng(self._seed, request):
                return augment(picture)
        except DataError as error:
            return Unreadable.of(error)
