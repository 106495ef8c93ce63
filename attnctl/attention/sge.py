"""SGE, spatial group-wise enhancement."""

from typing import ClassVar

import torch
from torch import Tensor, nn

from attnctl.sources.signature import check_constructed


class SGE(nn.Module):
    """Spatial Group-wise Enhance (Li et al., 2019, arXiv:1905.09646, equations 1 to 6).

    In each of G groups, the gate of a position is its similarity to the group's mean vector, standardised over the map.
    On a 1x1 map, which has no spread, the standardised similarity is zero. The standard deviation is the unbiased one,
    as in the released code.

    G: number of groups; must divide the channels
    """

    version = 1
    rules: ClassVar[dict[str, str]] = {"G >= 1": "G must be at least 1", "divides(G, C)": "G must divide the channels"}

    def __init__(self, channels: int, *, G: int = 64) -> None:  # noqa: N803 - the papers' symbol
        super().__init__()
        check_constructed(self, channels, G=G)
        self.groups = G
        self.weight = nn.Parameter(torch.zeros(1, G, 1, 1))
        self.bias = nn.Parameter(torch.ones(1, G, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        """x: (B, C, H, W) -> the same shape."""
        positions = x.shape[2] * x.shape[3]
        grouped = x.view(x.shape[0], self.groups, -1, *x.shape[2:])
        similarity = (grouped * grouped.mean((3, 4), keepdim=True)).sum(2)  # (B, G, H, W)
        variance, mean = torch.var_mean(similarity, (2, 3), correction=min(positions - 1, 1), keepdim=True)
        # the square root's slope at zero is infinite: a map without spread has a gate without a slope
        std = torch.where(variance > 0, variance, 1).sqrt() * (variance > 0)
        gate = ((similarity - mean) * (self.weight / (std + 1e-5)) + self.bias).sigmoid().to(x.dtype)
        return (grouped * gate[:, :, None]).flatten(1, 2)
