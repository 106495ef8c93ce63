"""SN, switchable normalisation."""

from typing import Literal

import torch
from torch import Tensor, nn

from attnctl.attention._switchable import SwitchableNorm


class SN(nn.Module):
    """Switchable Normalization (Luo et al., ICLR 2019, arXiv:1806.10779, equations 3 to 5): replaces a norm layer.

    norms: the statistics that are mixed; AN's COCO rows use in,ln
    """

    version = 1
    replaces = True

    def __init__(self, channels: int, *, norms: Literal["bn,in,ln", "in,ln"] = "bn,in,ln") -> None:
        super().__init__()
        self.normalise = SwitchableNorm(channels, tuple(name for name in ("in", "ln", "bn") if name in norms))
        self.weight = nn.Parameter(torch.ones(channels, 1, 1))
        self.bias = nn.Parameter(torch.zeros(channels, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        """x: (B, C, H, W) -> the same shape."""
        return self.normalise(x, self.weight, self.bias)
