"""Batched augmentation of images in memory: the crops of a batch are read directly from the padded images.

The padding is black and added before normalisation, as in torchvision's RandomCrop(32, padding=4) before Normalize.
crop-flip is the augmentation of He et al., Deep residual learning, 2016, section 4.2.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from attnctl.jobs.data.errors import DataError
from attnctl.jobs.data.seeding import derive

_RULES = {"none": (0, False), "shift": (2, False), "crop-flip": (4, True)}
"""augment -> (padding in pixels of a 32x32 image, horizontal flips)"""


class Augmentation:
    """One of none, shift (by up to 2 of 32 pixels) and crop-flip (pad by 4, crop 32, flip).

    height, width: of the images in pixels; the padding scales with the smaller side.
    """

    def __init__(self, name: str, height: int, width: int) -> None:
        if name not in _RULES:
            raise DataError(f"augment={name} needs a data set of image files; this one allows {', '.join(_RULES)}")
        pixels, self.flips = _RULES[name]
        self.padding = pixels * min(height, width) // 32

    def draw(self, seed: int, step: int, replica: int, count: int) -> tuple[Tensor, Tensor, Tensor]:
        """Draw (top, left, flip) of each sample, (count,) int64 on the CPU; depends only on the arguments."""
        generator = torch.Generator().manual_seed(derive(seed, "augment", step, replica))
        top, left = torch.randint(0, 2 * self.padding + 1, (2, count), generator=generator)
        flip = torch.randint(0, 1 + self.flips, (count,), generator=generator)
        return top, left, flip


class PaddedImages:
    """Padded images as bytes on `device`, from which batches of crops are taken. images: (n, C, H, W) uint8."""

    def __init__(self, images: Tensor, augmentation: Augmentation, device: torch.device) -> None:
        channels, height, width = images.shape[1:]
        pad = augmentation.padding
        padded = functional.pad(images, (pad, pad, pad, pad)).to(device)
        self._row = width + 2 * pad
        self._image = channels * (height + 2 * pad) * self._row
        self._shape = (channels, height, width)
        # An overlapping view: row k is the `width` bytes from byte k on. Copying rows is 5x faster than pixels.
        flat = padded.flatten()
        self._rows = flat.as_strided((flat.numel() - width + 1, width), (1, 1))
        channel = torch.arange(channels, device=device)[:, None] * ((height + 2 * pad) * self._row)
        self._offsets = (channel + torch.arange(height, device=device) * self._row).flatten()
        self._flips = augmentation.flips

    def starts(self, index: Tensor, top: Tensor, left: Tensor) -> Tensor:
        """The byte offsets at which the crops of these samples begin; all (B,) int64, on any device."""
        return index * self._image + top * self._row + left

    def crop(self, starts: Tensor, flip: Tensor) -> Tensor:
        """The crops at these offsets, mirrored where `flip` is 1; (B,) each, on the device -> (B, C, H, W) uint8."""
        rows = (starts[:, None] + self._offsets).flatten()
        crops = self._rows.index_select(0, rows).view(-1, *self._shape)
        return torch.where(flip.bool()[:, None, None, None], crops.flip(-1), crops) if self._flips else crops


class Normalize:
    """Converts uint8 images to float32: (pixel / 255 - mean) / std, per channel."""

    def __init__(self, mean: tuple[float, ...], std: tuple[float, ...], device: torch.device) -> None:
        deviation = torch.tensor(std, dtype=torch.float64)
        shape = (1, -1, 1, 1)
        self._scale = (1 / (255 * deviation)).view(shape).to(device, torch.float32)
        self._shift = (-torch.tensor(mean, dtype=torch.float64) / deviation).view(shape).to(device, torch.float32)

    def __call__(self, images: Tensor) -> Tensor:
        """(B, C, H, W) uint8 -> the same shape, float32."""
        return images.float().mul_(self._scale).add_(self._shift)
