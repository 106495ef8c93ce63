"""EMA, efficient multi-scale attention."""

from typing import ClassVar

import torch
from torch import Tensor, nn

from attnctl.attention._norm import GroupNorm
from attnctl.sources.signature import check_constructed


class EMA(nn.Module):
    """Efficient Multi-Scale Attention (Ouyang et al., ICASSP 2023, arXiv:2305.13563; YOLOonMe/EMA-attention-module).

    The channels form G groups x of C / G channels, which share all parameters:

        [h, w] = conv1x1([mean over W, mean over H of x])
        a = norm(x * sigmoid(h) * sigmoid(w)),  b = conv3x3(x)
        y = x * sigmoid(softmax(mean of a) . b + softmax(mean of b) . a)

    The norm standardises each channel of each image. A dot sums over the channels of the group.

    G: number of groups; must divide the channels
    """

    version = 1
    rules: ClassVar[dict[str, str]] = {"G >= 1": "G must be at least 1", "divides(G, C)": "G must divide the channels"}

    def __init__(self, channels: int, *, G: int = 32) -> None:  # noqa: N803 - the papers' symbol
        super().__init__()
        check_constructed(self, channels, G=G)
        self.groups, width = G, channels // G
        self.strips = nn.Conv2d(width, width, 1)
        self.local = nn.Conv2d(width, width, 3, padding=1)
        self.norm = GroupNorm(width, width)

    def forward(self, x: Tensor) -> Tensor:
        """x: (B, C, H, W) -> the same shape."""
        grouped = x.view(x.shape[0], self.groups, -1, x.shape[2], x.shape[3])  # (B, G, C / G, H, W)
        group = grouped.flatten(0, 1)
        strips = self.strips(torch.cat([group.mean(3), group.mean(2)], dim=2)[..., None]).sigmoid()
        high, wide = strips.split(x.shape[2:], dim=2)  # (B G, C / G, H, 1), (B G, C / G, W, 1)
        first, second = self.norm(group * high * wide.transpose(2, 3)), self.local(group)
        gate = (_mixed(first, second) + _mixed(second, first)).sigmoid().to(x.dtype)  # (B G, 1, H W)
        return (grouped * gate.view(x.shape[0], self.groups, 1, x.shape[2], x.shape[3])).flatten(1, 2)


def _mixed(weights: Tensor, values: Tensor) -> Tensor:
    """The sum over channels of one map, weighted by the softmax of the channel means of another: (B, 1, H W)."""
    return weights.mean((2, 3)).softmax(1)[:, None] @ values.flatten(2)
