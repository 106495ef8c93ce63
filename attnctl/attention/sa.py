"""SA, shuffle attention."""

from typing import ClassVar

import torch
from torch import Tensor, nn

from attnctl.attention._norm import instance_norm
from attnctl.sources.signature import check_constructed


class SA(nn.Module):
    """Shuffle Attention (Zhang and Yang, ICASSP 2021, arXiv:2102.00240, equations 1 to 3).

    The channels form G groups of two halves: one half is gated by its channel means, the other by its normalised map.
    The result is shuffled so that the channels of the two halves alternate.

    G: number of groups; 2 * G must divide the channels
    """

    version = 1
    rules: ClassVar[dict[str, str]] = {
        "G >= 1": "G must be at least 1",
        "divides(2 * G, C)": "2 * G must divide the channels",
    }

    def __init__(self, channels: int, *, G: int = 8) -> None:  # noqa: N803 - the papers' symbol
        super().__init__()
        check_constructed(self, channels, G=G)
        self.groups = G
        half = channels // (2 * G)
        self.channel_weight, self.spatial_weight = (nn.Parameter(torch.zeros(half)) for _ in range(2))
        self.channel_bias, self.spatial_bias = (nn.Parameter(torch.ones(half)) for _ in range(2))
        self.norm_weight, self.norm_bias = nn.Parameter(torch.ones(half)), nn.Parameter(torch.zeros(half))

    def forward(self, x: Tensor) -> Tensor:
        """x: (B, C, H, W) -> the same shape."""
        first, second = x.view(x.shape[0], self.groups, 2, -1, *x.shape[2:]).unbind(2)  # each (B, G, C / 2G, H, W)
        channel = (self.channel_weight * first.mean((3, 4)) + self.channel_bias).sigmoid().to(x.dtype)
        scale = self.spatial_weight * self.norm_weight  # of the norm and the gate combined
        offset = self.spatial_weight * self.norm_bias + self.spatial_bias
        spatial = instance_norm(second.flatten(1, 2), scale.repeat(self.groups), offset.repeat(self.groups)).sigmoid()
        gated = torch.stack([first * channel[..., None, None], second * spatial.view(second.shape)], dim=2)
        return _shuffle(gated.flatten(1, 3), x.is_contiguous(memory_format=torch.channels_last))


def _shuffle(x: Tensor, channels_last: bool) -> Tensor:
    """Interleave the channels of the first and the second half, in the given memory format."""
    alternating = x.view(x.shape[0], 2, -1, *x.shape[2:]).transpose(1, 2)
    if channels_last:
        return alternating.permute(0, 3, 4, 1, 2).flatten(3).permute(0, 3, 1, 2)
    return alternating.flatten(1, 2)
