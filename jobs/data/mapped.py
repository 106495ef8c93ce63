"""The augmentation of images with class maps.

seg: scale by a factor of 0.5 to 2, crop or pad to a square, mirror with probability 0.5 (Chen et al., Rethinking atrous
convolution for semantic image segmentation, 2017, section 4.1). Padding is ignored in the class map.
"""

from __future__ import annotations

import numpy as np
import torch
from PIL import Image

from attnctl.jobs.data.pictures import Picture
from attnctl.jobs.data.scenes import IGNORED

_SCALES = (0.5, 2.0)


class ScaleCrop:
    """The augmentation seg. side: of the square, in pixels; mean: the padding colour, in 0..1."""

    def __init__(self, side: int, mean: tuple[float, float, float]) -> None:
        self._side = side
        self._fill = (round(255 * mean[0]), round(255 * mean[1]), round(255 * mean[2]))

    def __call__(self, picture: Picture) -> Picture:
        """The augmented picture. Only the crop is scaled, which gives the same pixels as scaling the whole image."""
        assert picture.classes is not None, "read without class maps"
        side, (height, width) = self._side, picture.size
        factor = float(torch.empty(()).uniform_(*_SCALES))
        rows, columns = max(round(height * factor), 1), max(round(width * factor), 1)
        top, left = _offset(rows - side), _offset(columns - side)
        visible = min(columns, side), min(rows, side)
        begin = max(left, 0), max(top, 0)
        across, down = width / columns, height / rows
        box = (begin[0] * across, begin[1] * down, (begin[0] + visible[0]) * across, (begin[1] + visible[1]) * down)
        image = Image.new("RGB", (side, side), self._fill)
        classes = Image.new("L", (side, side), IGNORED)
        corner = max(-left, 0), max(-top, 0)
        image.paste(picture.image.resize(visible, Image.Resampling.BILINEAR, box=box), corner)
        classes.paste(Image.fromarray(picture.classes).resize(visible, Image.Resampling.NEAREST, box=box), corner)
        if torch.rand(()) < 0.5:
            image, classes = (item.transpose(Image.Transpose.FLIP_LEFT_RIGHT) for item in (image, classes))
        return picture._replace(image=image, classes=np.asarray(classes))


def _offset(excess: int) -> int:
    """A random offset of the square: inside a larger image, or negative if a smaller image lies inside the square."""
    drawn = int(torch.randint(abs(excess) + 1, ()))
    return drawn if excess >= 0 else -drawn
