"""EAN, efficient attention guided by normalisation."""

from typing import ClassVar, Literal

import torch
from torch import Tensor, nn

from attnctl.attention._norm import instance_norm
from attnctl.sources.signature import check_constructed


class EAN(nn.Module):
    """Efficient Attention module guided by Normalization (Li, Li and Wen, AAAI 2024, equations 5 to 9).

    In each of G groups, every channel is standardised over its map, the scale gamma shared by the groups weights the
    channels (a channel's gamma over the L2 norm of all), and a sigmoid of the weighted map is the gate, initially 0.5.

    The text is ambiguous; the published counts prove four vectors of length C / G, shared by the groups.

    G: number of groups; must divide the channels
    shared: share the four vectors across groups, as published; false: one value per channel
    form: gamma over its norm: paper (L2, the root of the sum of squares) or released (the root of their mean)
    """

    version = 1
    neutral: ClassVar = {"form": "paper"}
    rules: ClassVar = {"G >= 1": "G must be at least 1", "divides(G, C)": "G must divide the channels"}

    def __init__(
        self,
        channels: int,
        *,
        G: int = 8,  # noqa: N803 - the paper's symbol
        shared: bool = True,
        form: Literal["paper", "released"] = "paper",
    ) -> None:
        super().__init__()
        check_constructed(self, channels, G=G)
        self.form = form
        self.groups = G
        shape = (1 if shared else G, channels // G)
        self.gamma = nn.Parameter(torch.ones(shape))
        self.beta, self.alpha, self.delta = (nn.Parameter(torch.zeros(shape)) for _ in range(3))
        self.eps = 1e-5

    def forward(self, x: Tensor) -> Tensor:
        """x: (B, C, H, W) -> the same shape."""
        squares = self.gamma.square()
        # equation 6 has the sum; the authors' code, the mean, and so a gate that moves sqrt(C / G) times as fast
        norm = squares.sum(1, keepdim=True) if self.form == "paper" else squares.mean(1, keepdim=True)
        share = self.gamma * (norm + self.eps).rsqrt()
        # equations 5, 7 and 8 are one scale and one offset of each standardised channel
        scale = self.alpha * share * self.gamma
        offset = self.alpha * share * self.beta + self.delta
        shape = (self.groups, -1)
        gate = instance_norm(x, scale.expand(shape).flatten(), offset.expand(shape).flatten()).sigmoid()
        return x * gate
