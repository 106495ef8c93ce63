"""The gate that CA and CA_gn share."""

import torch
from torch import Tensor, nn


class CoordinateGate(nn.Module):
    """Two gates, along the height and along the width, from one joint hidden layer (Hou et al., CVPR 2021, eq. 4-9)."""

    def __init__(self, channels: int, hidden: int, norm: nn.Module, bias: bool) -> None:
        super().__init__()
        self.joint = nn.Conv2d(channels, hidden, 1, bias=bias)
        self.norm = norm
        self.act = nn.Hardswish()
        self.height = nn.Conv2d(hidden, channels, 1, bias=bias)
        self.width = nn.Conv2d(hidden, channels, 1, bias=bias)

    def forward(self, x: Tensor) -> Tensor:
        """x: (B, C, H, W) -> the same shape."""
        strips = torch.cat([x.mean(3), x.mean(2)], dim=2)[..., None]  # (B, C, H + W, 1)
        high, wide = self.act(self.norm(self.joint(strips))).split(x.shape[2:], dim=2)
        return x * self.height(high).sigmoid() * self.width(wide).sigmoid().transpose(2, 3)
