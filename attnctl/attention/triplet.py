"""Triplet attention."""

from typing import ClassVar

import torch
from torch import Tensor, nn

from attnctl.attention._norm import BatchNorm2d
from attnctl.sources.signature import check_constructed


class Triplet(nn.Module):
    """Triplet Attention (Misra et al., WACV 2021, arXiv:2010.03045, section 3.2, equations 2 and 3).

    The average of three gates, one per pair of dimensions, each from the maximum and the mean over the third.

    kernel: kernel size of the three convolutions, odd
    """

    version = 1
    rules: ClassVar[dict[str, str]] = {"1 <= kernel <= 63 and kernel % 2 == 1": "kernel must be odd, from 1 to 63"}

    def __init__(self, channels: int, *, kernel: int = 7) -> None:
        super().__init__()
        check_constructed(self, channels, kernel=kernel)
        self.height_width, self.channel_width, self.height_channel = (_Gate(kernel) for _ in range(3))

    def forward(self, x: Tensor) -> Tensor:
        """x: (B, C, H, W) -> the same shape."""
        over_channels = self.height_width(_pools(x, 1))  # (B, H, W)
        over_height = self.channel_width(_pools(x, 2))  # (B, C, W)
        over_width = self.height_channel(_pools(x, 3).transpose(2, 3))  # (B, H, C)
        gates = over_channels[:, None] + over_height[:, :, None] + over_width.transpose(1, 2)[..., None]
        return x * gates


class _Gate(nn.Module):
    """The gate over two dimensions, divided by three: (B, 2, M, N) -> (B, M, N)."""

    def __init__(self, kernel: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(2, 1, kernel, padding=kernel // 2, bias=False)
        self.norm = BatchNorm2d(1, momentum=0.01)

    def forward(self, pools: Tensor) -> Tensor:
        return self.norm(self.conv(pools)).squeeze(1).sigmoid() / 3


def _pools(x: Tensor, axis: int) -> Tensor:
    """The maximum and the mean over one dimension, stacked: (B, 2, ...)."""
    return torch.stack([x.max(axis).values, x.mean(axis)], dim=1)
