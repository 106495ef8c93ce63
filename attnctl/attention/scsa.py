"""SCSA, spatial and channel synergistic attention."""

from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional

from attnctl.attention._norm import GroupNorm
from attnctl.sources.signature import check_constructed


class SCSA(nn.Module):
    """Spatial and Channel Synergistic Attention (Si et al., Neurocomputing 2025, arXiv:2407.05128; HZAI-ZJNU/SCSA).

    First two positional gates: the quarters of the channels' strip means go through depthwise 1-D convolutions of
    kernel 3, 5, 7 and 9, which both axes share, and a GroupNorm of 4 groups for each axis:

        z = x * sigmoid(norm_h(conv(mean over W))) * sigmoid(norm_w(conv(mean over H)))

    Then a self-attention between channels of the pooled, normalised map, with one weight per channel for q, k and v:

        y = z * sigmoid(mean over the map of softmax(q k^T / sqrt(C / heads)) v)

    The pooling windows do not overlap; on maps smaller than a window, the window is the map.

    window: side of the pooling windows before the channel attention
    heads: heads of the channel attention; must divide the channels
    """

    version = 1
    rules: ClassVar[dict[str, str]] = {
        "divides(4, C)": "the channels must be a multiple of 4",
        "1 <= window <= 64": "window must be from 1 to 64",
        "heads >= 1": "heads must be at least 1",
        "divides(heads, C)": "heads must divide the channels",
    }

    def __init__(self, channels: int, *, window: int = 7, heads: int = 1) -> None:
        super().__init__()
        check_constructed(self, channels, window=window, heads=heads)
        self.window, self.heads = window, heads
        quarter = channels // 4
        self.strips = nn.ModuleList(
            nn.Conv1d(quarter, quarter, kernel, padding=kernel // 2, groups=quarter) for kernel in (3, 5, 7, 9)
        )
        self.norm_h, self.norm_w = GroupNorm(4, channels), GroupNorm(4, channels)
        self.norm = GroupNorm(1, channels)
        self.q, self.k, self.v = (nn.Conv2d(channels, channels, 1, groups=channels, bias=False) for _ in range(3))

    def forward(self, x: Tensor) -> Tensor:
        """x: (B, C, H, W) -> the same shape."""
        high = self.norm_h(self._convolved(x.mean(3))).sigmoid()  # (B, C, H)
        wide = self.norm_w(self._convolved(x.mean(2))).sigmoid()  # (B, C, W)
        x = x * high[..., None] * wide[:, :, None]
        height, width = min(self.window, x.shape[2]), min(self.window, x.shape[3])
        pooled = self.norm(functional.avg_pool2d(x, (height, width)))
        shape = (x.shape[0], self.heads, x.shape[1] // self.heads, -1)
        q, k, v = self.q(pooled).view(shape), self.k(pooled).view(shape), self.v(pooled).view(shape)
        attention = (q @ k.transpose(2, 3) * (x.shape[1] // self.heads) ** -0.5).softmax(3)
        gate = (attention.to(v.dtype) @ v).mean(3).view(x.shape[0], -1, 1, 1).sigmoid()
        return x * gate

    def _convolved(self, strip: Tensor) -> Tensor:
        """Each quarter of the channels by its convolution: (B, C, L) -> the same shape."""
        quarters = strip.chunk(4, dim=1)
        convolved: list[Tensor] = []
        for index, conv in enumerate(self.strips):  # TorchScript cannot zip them
            convolved.append(conv(quarters[index]))
        return torch.cat(convolved, dim=1)
