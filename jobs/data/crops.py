"""Scales crops of decoded images: bytes in, bytes out, with an antialiasing filter as Pillow's.

The filter is torch's, for bytes. It gives the same bits on every processor, and pixels that differ from Pillow's by at
most one of 255 levels; with bicubic, at hard edges, one pixel of 100,000 by two.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional
from torchvision.transforms import v2

_REFERENCE = 256 / 224
"""The scaled shorter side of evaluated images, relative to the side of their crop."""

_SUPPORT = {"bilinear": 1, "bicubic": 2}
"""How far each filter reaches, in pixels of the smaller of the two images."""

_LONGEST = 4
"""Images with a larger aspect ratio would be scaled mostly for nothing, and may not fit into memory."""


class RandomCrop:
    """Crops 8 to 100 % of the area, with an aspect ratio of 3/4 to 4/3, scales and flips (Szegedy et al., 2015).

    Draws the random numbers of torchvision's RandomResizedCrop and RandomHorizontalFlip, in their order.
    """

    def __init__(self, side: int) -> None:
        self._side = side
        self._draw = v2.RandomResizedCrop(side)

    def __call__(self, image: Tensor) -> Tensor:
        """An image, (3, H, W) uint8 -> (3, side, side)."""
        drawn = self._draw.make_params([image])
        top, left, height, width = (int(drawn[name]) for name in ("top", "left", "height", "width"))
        crop = image[:, top : top + height, left : left + width]
        size = (self._side, self._side)
        scaled = functional.interpolate(crop[None], size, mode="bilinear", antialias=True)[0]
        return scaled.flip(-1) if torch.rand(1) < 0.5 else scaled


class CentreCrop:
    """Scales the shorter side to 256/224 of `side`, and crops the centre; no pixel right of or below it is computed.

    mode: bilinear or bicubic.
    """

    def __init__(self, side: int, mode: str) -> None:
        self._side, self._mode = side, mode
        self._shorter = round(side * _REFERENCE)

    def __call__(self, image: Tensor) -> Tensor:
        """An image, (3, H, W) uint8 -> (3, side, side)."""
        size = image.shape[1], image.shape[2]
        scaled = tuple(int(self._shorter * length / min(size)) for length in size)
        first = [round((length - self._side) / 2) for length in scaled]
        if max(size) > _LONGEST * min(size):
            return self._by_pillow(image, [length / result for length, result in zip(size, scaled, strict=True)], first)
        needed = [self._needed(*lengths) for lengths in zip(size, scaled, first, strict=True)]
        part = image[None, :, : needed[0], : needed[1]]
        factors = scaled[0] / size[0], scaled[1] / size[1]
        pixels = functional.interpolate(part, scale_factor=factors, mode=self._mode, antialias=True)[0]
        return pixels[:, first[0] : first[0] + self._side, first[1] : first[1] + self._side]

    def _needed(self, length: int, scaled: int, first: int) -> int:
        """How many of the pixels of a side are needed, from its beginning, for those of the crop."""
        ratio = length / scaled
        reach = _SUPPORT[self._mode] * max(ratio, 1)
        return min(length, math.ceil((first + self._side + 1) * ratio + reach) + 1)

    def _by_pillow(self, image: Tensor, ratios: list[float], first: list[int]) -> Tensor:
        """Of a long image: Pillow can scale the crop alone."""
        (top, left), side = first, self._side
        box = (left * ratios[1], top * ratios[0], (left + side) * ratios[1], (top + side) * ratios[0])
        whole = Image.fromarray(image.permute(1, 2, 0).numpy())
        return to_pixels(whole.resize((side, side), Image.Resampling[self._mode.upper()], box=box))


def to_pixels(image: Image.Image) -> Tensor:
    """The pixels of an RGB image, (3, H, W) uint8."""
    return torch.from_numpy(np.array(image)).permute(2, 0, 1)
