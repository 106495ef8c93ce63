"""LSK, large selective kernel attention."""

from typing import ClassVar

import torch
from torch import Tensor, nn

from attnctl.sources.signature import check_constructed


class LSK(nn.Module):
    """Large Selective Kernel module (LSKNet; Li et al., ICCV 2023, arXiv:2303.09030; zcablii/LSKNet).

    Two depthwise convolutions in sequence see 5x5 and 23x23 positions; each position weights the two:

        u = D_5(x),  v = D_7,dilation 3(u),  a = P_1(u),  b = P_2(v)         C / 2 channels each
        [s, t] = sigmoid(conv7x7([mean, maximum over all channels of a and b]))
        y = x * P_3(s a + t b)

    The last gate has no sigmoid.
    """

    version = 1
    rules: ClassVar[dict[str, str]] = {"C >= 2": "the module needs at least 2 channels"}

    def __init__(self, channels: int) -> None:
        super().__init__()
        check_constructed(self, channels)
        half = channels // 2
        self.near = nn.Conv2d(channels, channels, 5, padding=2, groups=channels)
        self.far = nn.Conv2d(channels, channels, 7, padding=9, dilation=3, groups=channels)
        self.near_out, self.far_out = nn.Conv2d(channels, half, 1), nn.Conv2d(channels, half, 1)
        self.select = nn.Conv2d(2, 2, 7, padding=3)
        self.out = nn.Conv2d(half, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        """x: (B, C, H, W) -> the same shape."""
        near = self.near(x)
        a, b = self.near_out(near), self.far_out(self.far(near))
        both = torch.cat([a, b], dim=1)
        pools = torch.stack([both.mean(1), both.max(1).values], dim=1)  # (B, 2, H, W)
        select = self.select(pools).sigmoid()
        return x * self.out(a * select[:, :1] + b * select[:, 1:])
