"""Batching images of any shape as squares, without changing their aspect ratio."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from attnctl.values import SpecError

GREY = 114 / 255
"""The padding value in 0..1 (as in the released YOLOX)."""

STEP = 32
"""The sides of squares are multiples of this, the stride of the coarsest map."""


class Letterbox(nn.Module):
    """Resizes each image until it touches two sides of the square, and pads it with grey at the right or bottom.

    In training, each forward draws one of the sides in `min_size` from torch's default generator.
    """

    def __init__(self, size: int) -> None:
        super().__init__()
        self.min_size = (size,)

    @property
    def min_size(self) -> tuple[int, ...]:
        """Sides of the square in pixels; evaluation uses the last. Raises SpecError unless all are multiples of 32."""
        return self._sides

    @min_size.setter
    def min_size(self, sides: tuple[int, ...]) -> None:
        for side in sides:
            if side < STEP or side % STEP:
                raise SpecError(f"the input size is {side} pixels; it must be a multiple of {STEP}")
        self._sides = sides

    def side(self) -> int:
        """The side of the next square."""
        several = self.training and len(self._sides) > 1
        return self._sides[int(torch.randint(len(self._sides), ())) if several else -1]

    def forward(self, images: Sequence[Tensor]) -> tuple[Tensor, list[float]]:
        """images: (3, H, W) each, in 0..1 -> the batch (B, 3, side, side), and the resizing factor of each image."""
        side = self.side()
        batch = images[0].new_full((len(images), 3, side, side), GREY)
        factors = []
        for square, image in zip(batch, images, strict=True):
            height, width = image.shape[-2:]
            longest = max(height, width)
            size = max(1, height * side // longest), max(1, width * side // longest)
            if size != (height, width):
                image = functional.interpolate(image[None], size, mode="bilinear", align_corners=False)[0]
            square[:, : size[0], : size[1]] = image
            factors.append(side / longest)
        return batch, factors
