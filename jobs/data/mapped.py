"""Augmentation of images with class maps.

seg: scaled by a factor of 0.5 to 2, cut to a square or padded to it, mirrored in half of the cases (Chen et al.,
Rethinking atrous convolution for semantic image segmentation, 2017, section 4.1). What is padded is ignored.
"""

from __future__ import annotations

import numpy as np
import torch
from PIL import Image

from attnctl.jobs.data.pictures import Picture
from attnctl.jobs.data.scenes import IGNORED

_SCALES = (0.5, 2.0)


class ScaleCrop:
    """seg. side: of the square, in pixels; mean: of the data, in 0..1, which is what is padded with."""

    def __init__(self, side: int, mean: tuple[float, float, float]) -> None:
        self._side = side
        self._plain = (round(255 * mean[0]), round(255 * mean[1]), round(255 * mean[2]))

    def __call__(self, picture: Picture) -> Picture:
        """A picture of the side. Only what is cut out is scaled, which gives what scaling the whole would."""
        assert picture.classes is not None, "read without class maps"
        side, (height, width) = self._side, picture.size
        factor = float(torch.empty(()).uniform_(*_SCALES))
        rows, columns = max(round(height * factor), 1), max(round(width * factor), 1)
        top, left = _offset(rows - side), _offset(columns - side)
        shown = min(columns, side), min(rows, side)
        begin = max(left, 0), max(top, 0)
        across, down = width / columns, height / rows
        box = (begin[0] * across, begin[1] * down, (begin[0] + shown[0]) * across, (begin[1] + shown[1]) * down)
        image = Image.new("RGB", (side, side), self._plain)
        classes = Image.new("L", (side, side), IGNORED)
        place = max(-left, 0), max(-top, 0)
        image.paste(picture.image.resize(shown, Image.Resampling.BILINEAR, box=box), place)
        classes.paste(Image.fromarray(picture.classes).resize(shown, Image.Resampling.NEAREST, box=box), place)
        if torch.rand(()) < 0.5:
            image, classes = (item.transpose(Image.Transpose.FLIP_LEFT_RIGHT) for item in (image, classes))
        return picture._replace(image=image, classes=np.asarray(classes))


def _offset(excess: int) -> int:
    """Where the square begins: anywhere in what is larger, or, negative, where something smaller lies in it."""
    drawn = int(torch.randint(abs(excess) + 1, ()))
    return drawn if excess >= 0 else -drawn
