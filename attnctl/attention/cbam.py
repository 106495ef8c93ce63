"""CBAM, the convolutional block attention module."""

from typing import ClassVar

import torch
from torch import Tensor, nn

from attnctl.attention._norm import BatchNorm2d
from attnctl.sources.signature import check_constructed


class CBAM(nn.Module):
    """Convolutional Block Attention Module (Woo et al., ECCV 2018, arXiv:1807.06521, equations 1 to 3).

    A channel gate from average and max pooling through one MLP, then a spatial gate from the mean and the maximum over
    channels. The counts in ELA's and EAN's tables exclude the MLP's biases and the spatial
    BatchNorm of the released code.

    r: reduction ratio of the channel gate's hidden layer
    kernel: kernel size of the spatial convolution, odd
    bias: biases in the MLP
    bn: BatchNorm after the spatial convolution
    min_channels: minimum width of the hidden layer; 8 in EAN's ResNet-56
    """

    version = 1
    neutral: ClassVar[dict[str, object]] = {"min_channels": 0}
    rules: ClassVar[dict[str, str]] = {
        "r >= 1": "r must be at least 1",
        "min_channels >= 0": "min_channels must not be negative",
        "min_channels >= 1 or C // max(r, 1) >= 1": "r must not exceed the channels",
        "1 <= kernel <= 63 and kernel % 2 == 1": "kernel must be odd, from 1 to 63",
    }

    def __init__(
        self, channels: int, *, r: int = 16, kernel: int = 7, bias: bool = True, bn: bool = True, min_channels: int = 0
    ) -> None:
        super().__init__()
        check_constructed(self, channels, r=r, kernel=kernel, min_channels=min_channels)
        hidden = max(min_channels, channels // r)
        self.mlp = nn.Sequential(
            nn.Linear(channels, hidden, bias=bias), nn.ReLU(inplace=True), nn.Linear(hidden, channels, bias=bias)
        )
        self.conv = nn.Conv2d(2, 1, kernel, padding=kernel // 2, bias=False)
        self.norm = BatchNorm2d(1, momentum=0.01) if bn else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        """x: (B, C, H, W) -> the same shape."""
        gate = (self.mlp(x.mean((2, 3))) + self.mlp(x.flatten(2).max(2).values)).sigmoid()  # (B, C)
        x = x * gate[:, :, None, None]
        pooled = torch.stack([x.max(1).values, x.mean(1)], dim=1)  # (B, 2, H, W)
        return x * self.norm(self.conv(pooled)).sigmoid()
