"""Measures images: their usual size, and the mean and deviation of their pixels. Needs Pillow and NumPy, not torch."""

from __future__ import annotations

import io
import statistics
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from attnctl.datasets.class_folders import IMAGE_FORMATS
from attnctl.files import read_regular
from attnctl.units import quantity
from attnctl.values import SpecError

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    from PIL import Image

Item = TypeVar("Item")

SAMPLED = 2000
"""So many images are measured, evenly spaced in their order."""

_THREADS = 4
_LARGE = 256  # images are measured at a fraction of their size, but with no side below this
_DIGITS = 3  # so that releases of libjpeg, whose pixels differ by one or so, agree
_LEAST_STD = 0.01  # images of one colour have no deviation to divide by


@dataclass(frozen=True)
class ImageStatistics:
    """side: the median short side in pixels. mean, std: of red, green and blue, in 0..1; each image counts alike.

    unreadable: the sampled images that cannot be read. measured: the number of the others.
    """

    side: int
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    measured: int
    unreadable: tuple[object, ...] = ()

    @property
    def note(self) -> str:
        """What there is to say of unreadable images; empty if there are none."""
        if not self.unreadable:
            return ""
        sampled = self.measured + len(self.unreadable)
        return (
            f"{len(self.unreadable)} of {quantity(sampled, 'image')} cannot be read, such as {self.unreadable[0]}; "
            "a run ends when it meets one: delete or replace them"
        )


def sampled(count: int, most: int | None = None) -> Sequence[int]:
    """The numbers of `most` images of `count`, evenly spaced; without `most`, of those that are measured."""
    most = SAMPLED if most is None else most
    return [count * number // most for number in range(most)] if count > most else range(count)


def measure(paths: Sequence[Path]) -> ImageStatistics:
    """Measure a sample of these images; raises SpecError if none can be read."""
    return measure_encoded(paths, read_regular)


def measure_encoded(items: Sequence[Item], read: Callable[[Item], bytes]) -> ImageStatistics:
    """Measure a sample of encoded images; raises SpecError if none can be read. Its message has the text of an item."""
    chosen = [items[number] for number in sampled(len(items))]
    with ThreadPoolExecutor(_THREADS) as pool:
        answers = list(pool.map(lambda item: _measure(item, read), chosen))
    known = [answer for answer in answers if answer is not None]
    if not known:
        raise SpecError(f"none of {quantity(len(chosen), 'image')} can be read, such as {chosen[0]}")
    return _combined(known, tuple(item for item, answer in zip(chosen, answers, strict=True) if answer is None))


def measure_decoded(images: Iterable[Image.Image]) -> ImageStatistics:
    """Measure RGB images, of which there must be one."""
    return _combined([(min(image.size), _moments(image)) for image in images], ())


def _combined(known: Sequence[tuple[int, npt.NDArray[np.float64]]], unreadable: tuple[object, ...]) -> ImageStatistics:
    import numpy as np

    first, second = (np.mean([moments[number] for _, moments in known], axis=0) for number in (0, 1))
    deviation = np.sqrt(np.maximum(second - first**2, _LEAST_STD**2))
    return ImageStatistics(
        side=int(statistics.median_low([side for side, _ in known])),
        mean=_rounded(first),
        std=_rounded(deviation),
        measured=len(known),
        unreadable=unreadable,
    )


def _measure(item: Item, read: Callable[[Item], bytes]) -> tuple[int, npt.NDArray[np.float64]] | None:
    """The short side of an image, and its (2, 3) means of pixels and of squared pixels; None if it cannot be read."""
    from PIL import Image

    from attnctl.datasets.pixels import DAMAGED, is_deep, is_too_large, scaled

    try:
        with Image.open(io.BytesIO(read(item)), formats=IMAGE_FORMATS) as image:
            side = min(image.size)
            if is_too_large(image):
                return None
            image.draft("RGB", (_LARGE, _LARGE))
            plain = scaled(image) if is_deep(image) else image
            return side, _moments(plain.convert("RGB"))
    except DAMAGED:
        return None


def _moments(image: Image.Image) -> npt.NDArray[np.float64]:
    """The (2, 3) means of the pixels of an RGB image and of their squares."""
    import numpy as np

    small = image.reduce(max(1, min(image.size) // _LARGE))
    counts = np.array(small.histogram(), dtype=np.float64).reshape(3, 256)  # not the pixels: an image can be very long
    values = np.arange(256) / 255
    moments: npt.NDArray[np.float64] = np.stack([counts @ values, counts @ values**2]) / counts[0].sum()
    return moments


def _rounded(values: npt.NDArray[np.float64]) -> tuple[float, float, float]:
    red, green, blue = (round(float(value), _DIGITS) for value in values)
    return red, green, blue
