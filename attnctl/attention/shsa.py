"""SHSA, single-head self-attention."""

from typing import ClassVar

import torch
from torch import Tensor, nn

from attnctl.attention._norm import BatchNorm2d, GroupNorm
from attnctl.sources.signature import check_constructed


class SHSA(nn.Module):
    """Single-Head Self-Attention (SHViT; Yun and Ro, CVPR 2024, arXiv:2401.16456, section 3.2; ysj9909/SHViT).

    Attention between positions, over the first C / r channels only; the others pass by:

        q, k, v = norm(W layer_norm(x_1)),  z = [v softmax(q^T k / sqrt(D))^T, x_2],  y = x + norm(P relu(z))

    The layer norm is over the channels and positions of an image. The last norm's scale begins at zero, as in the
    released code, so that y = x at the start.

    r: the attention is over C / r channels
    D: width of queries and keys
    """

    version = 1
    rules: ClassVar[dict[str, str]] = {
        "r >= 1": "r must be at least 1",
        "C // max(r, 1) >= 1": "r must not exceed the channels",
        "1 <= D <= 4096": "D must be from 1 to 4096",
    }

    def __init__(self, channels: int, *, r: int = 4, D: int = 16) -> None:  # noqa: N803 - a paper's symbol
        super().__init__()
        check_constructed(self, channels, r=r, D=D)
        self.part, self.width = channels // r, D
        self.norm = GroupNorm(1, self.part)
        self.qkv = nn.Sequential(nn.Conv2d(self.part, 2 * D + self.part, 1, bias=False), BatchNorm2d(2 * D + self.part))
        last = BatchNorm2d(channels)
        nn.init.zeros_(last.weight)
        self.proj = nn.Sequential(nn.ReLU(inplace=True), nn.Conv2d(channels, channels, 1, bias=False), last)

    def forward(self, x: Tensor) -> Tensor:
        """x: (B, C, H, W) -> the same shape."""
        first, rest = x.split((self.part, x.shape[1] - self.part), dim=1)
        q, k, v = self.qkv(self.norm(first)).flatten(2).split((self.width, self.width, self.part), dim=1)
        attention = (q.transpose(1, 2) @ k * self.width**-0.5).softmax(2).to(v.dtype)  # (B, H W, H W)
        mixed = (v @ attention.transpose(1, 2)).view(first.shape)
        return x + self.proj(torch.cat([mixed, rest], dim=1))
