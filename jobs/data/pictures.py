"""One image with what is on it, from the files to a sample: what is wanted of it, and in training what is left out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from PIL import Image
from torch.utils.data import Dataset

from attnctl.jobs.data.errors import DataError
from attnctl.jobs.data.loader import Unreadable, Wanted, drawing
from attnctl.jobs.data.scenes import IGNORED, Bytes, Flags, Integers, Objects, Scenes, cut, real


class Picture(NamedTuple):
    """An image with its objects. number: its id in the data set.

    masks: (N, H, W) of 0 and 1, where they are wanted. classes: (H, W), where they are wanted.
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
        """With these objects alone."""
        if chosen.dtype == np.bool_ and chosen.all():
            return self
        masks = None if self.masks is None else self.masks[chosen]
        return self._replace(objects=self.objects.at(chosen), masks=masks)


@dataclass(frozen=True)
class Reader:
    """Reads the pictures of a part. learning: with the objects alone that are trained on; see `jobs/data/scenes.py`.

    limit: class maps hold 0 to limit - 1, and 255.
    """

    scenes: Scenes
    learning: bool
    masks: bool = False
    classes: bool = False
    limit: int = IGNORED

    def __call__(self, index: int) -> Picture:
        """The picture of that index; raises DataError."""
        image, number = self.scenes.image(index), self.scenes.number(index)
        height, width = image.height, image.width
        picture = Picture(
            image,
            number,
            self.scenes.table.of(index),
            self.scenes.masks(index, height, width) if self.masks else None,
            self._classes(index, height, width) if self.classes else None,
        )
        if not self.learning:
            return picture.at(real(picture.objects))
        objects, good = cut(picture.objects, height, width, masks=self.masks)
        if picture.masks is not None:
            good &= picture.masks.any((1, 2))  # an outline that holds no pixel's centre
        return picture._replace(objects=objects).at(good)

    def _classes(self, index: int, height: int, width: int) -> Bytes:
        classes = self.scenes.classes(index, height, width)
        wrong = classes[(classes >= self.limit) & (classes != IGNORED)]
        if len(wrong):
            raise DataError(
                f"the class map of {self.scenes.name(index)} holds {wrong[0]}; "
                f"there should be 0 to {self.limit - 1}, and {IGNORED}"
            )
        return classes


Augment = Callable[[Picture], Picture]
"""Draws from torch's default generator, as torchvision's transforms do."""


class Pictures(Dataset[Picture | Unreadable]):
    """The pictures of a part, by `Wanted`. augment: what to do with those of a step, if anything."""

    def __init__(self, read: Reader, seed: int, augment: Callable[[int], Augment | None] = lambda _step: None) -> None:
        self._read, self._seed, self._augment = read, seed, augment

    def __getitem__(self, wanted: Wanted) -> Picture | Unreadable:
        try:
            picture = self._read(wanted.number)
            augment = self._augment(wanted.draw[0])
            if augment is None:
                return picture
            with drawing(self._seed, wanted):
                return augment(picture)
        except DataError as error:
            return Unreadable(str(error))
