"""SRM, style-based recalibration."""

from typing import ClassVar, Literal

import torch
from torch import Tensor, nn

from attnctl.attention._norm import BatchNorm1d, map_correction


class SRM(nn.Module):
    """Style-based Recalibration Module (Lee et al., ICCV 2019, arXiv:1903.10829, equations 1 to 5).

    The gate of a channel is a channel-wise weighted sum of its mean and standard deviation, batch-normalised.

    form: variance of a map of n values: paper (divided by n) or released (by n - 1, as in the authors' code)
    """

    version = 1
    neutral: ClassVar[dict[str, object]] = {"form": "paper"}

    def __init__(self, channels: int, *, form: Literal["paper", "released"] = "paper") -> None:
        super().__init__()
        self.unbiased = form == "released"
        self.weight = nn.Parameter(torch.zeros(channels, 2))
        self.norm = BatchNorm1d(channels)

    def forward(self, x: Tensor) -> Tensor:
        """x: (B, C, H, W) -> the same shape."""
        variance, mean = torch.var_mean(x, (2, 3), correction=map_correction(x) if self.unbiased else 0)
        style = torch.stack([mean, (variance + 1e-5).sqrt()], dim=2)  # (B, C, 2)
        gate = self.norm((style * self.weight).sum(2)).sigmoid().to(x.dtype)  # (B, C)
        return x * gate[:, :, None, None]
