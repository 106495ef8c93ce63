"""SN, switchable normalisation."""

from typing import ClassVar, Literal

import torch
from torch import Tensor, nn

from attnctl.attention._switchable import SwitchableNorm


class SN(nn.Module):
    """Switchable Normalization (Luo et al., ICLR 2019, arXiv:1806.10779, equations 3 to 5): replaces a norm layer.

    norms: the statistics that are mixed; AN's COCO rows use in,ln
    form: variance of a map of n values: paper (divided by n) or released (by n - 1; running variances begin at 0)
    """

    version = 1
    neutral: ClassVar[dict[str, object]] = {"form": "paper"}
    replaces = True

    def __init__(
        self,
        channels: int,
        *,
        norms: Literal["bn,in,ln", "in,ln"] = "bn,in,ln",
        form: Literal["paper", "released"] = "paper",
    ) -> None:
        super().__init__()
        mixed = tuple(name for name in ("in", "ln", "bn") if name in norms)
        self.normalise = SwitchableNorm(channels, mixed, released=form == "released")
        self.weight = nn.Parameter(torch.ones(channels, 1, 1))
        self.bias = nn.Parameter(torch.zeros(channels, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        """x: (B, C, H, W) -> the same shape."""
        return self.normalise(x, self.weight, self.bias)
