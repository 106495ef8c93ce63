"""PdfAM, attention guided by a probability density."""

from math import pi

import torch
from torch import Tensor, nn
from torch.nn import functional


class PdfAM(nn.Module):
    """Attention guided by a Gaussian probability density (PdfAM, Xie and Zhang, AAAI 2023, as in EAN's table 3).

    Each position is divided by an increasing function of its density in the channel, which emphasises rare responses.
    """

    version = 1

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.offset = nn.Parameter(torch.zeros(channels, 1, 1))
        self.scale = nn.Parameter(torch.ones(channels, 1, 1))
        self.width = nn.Parameter(torch.ones(channels, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        """x: (B, C, H, W) -> the same shape."""
        positions = x.shape[2] * x.shape[3]
        squared = (x - x.mean((2, 3), keepdim=True)).square()
        variance = squared.mean((2, 3), keepdim=True) * (positions / max(positions - 1, 1)) + 1e-4
        steepness = functional.softplus(self.width) / (-2 * variance)  # (B, C, 1, 1), as is the height
        height = functional.softplus(self.scale) * (2 * pi * variance).rsqrt()
        density = (squared * steepness).exp() * height
        return (x / (density + (functional.softplus(self.offset) + 1))).to(x.dtype)
