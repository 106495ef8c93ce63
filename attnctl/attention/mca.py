"""MCA, multidimensional collaborative attention."""

from math import log2

import torch
from torch import Tensor, nn


class MCA(nn.Module):
    """Multidimensional Collaborative Attention (Yu et al., EAAI 2023, doi:10.1016/j.engappai.2023.107079).

    The mean of three gates, one each for the channels, the rows and the columns. With the mean m and the standard
    deviation s over the other two dimensions, of n - 1 as in the released code (ndsclark/MCANet):

        gate = sigmoid(conv((m + s) / 2 + sigmoid(alpha) m + sigmoid(beta) s))

    The convolution along the dimension has kernel 3 for rows and columns; for channels (log2 C - 1) / 1.5, rounded, and
    made odd downwards.

    channel: with the gate of the channels
    """

    version = 1

    def __init__(self, channels: int, *, channel: bool = True) -> None:
        super().__init__()
        size = max(1, round(abs((log2(channels) - 1) / 1.5)))
        self.channel = _Gate(size if size % 2 else size - 1) if channel else None
        self.height, self.width = _Gate(3), _Gate(3)
        self.count = 3 if channel else 2

    def forward(self, x: Tensor) -> Tensor:
        """x: (B, C, H, W) -> the same shape."""
        gates = self.height(x.transpose(1, 2))[:, None, :, None] + self.width(x.transpose(1, 3))[:, None, None]
        if self.channel is not None:
            gates = gates + self.channel(x)[..., None, None]
        return x * (gates / self.count)


class _Gate(nn.Module):
    """The gate along the second dimension: (B, L, M, N) -> (B, L)."""

    def __init__(self, kernel: int) -> None:
        super().__init__()
        self.conv = nn.Conv1d(1, 1, kernel, padding=kernel // 2, bias=False)
        self.shares = nn.Parameter(torch.rand(2))  # alpha and beta

    def forward(self, x: Tensor) -> Tensor:
        values = x.shape[2] * x.shape[3]
        variance, mean = torch.var_mean(x, (2, 3), correction=min(values - 1, 1))
        # the square root's slope at zero is infinite: a constant map has a deviation without a slope
        std = torch.where(variance > 0, variance, 1).sqrt() * (variance > 0)
        alpha, beta = self.shares.sigmoid().unbind()
        pooled = (mean + std) / 2 + alpha * mean + beta * std
        return self.conv(pooled[:, None]).squeeze(1).sigmoid().to(x.dtype)
