"""FcaNet's frequency channel attention."""

from math import cos, pi, sqrt
from typing import ClassVar, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from attnctl.sources.signature import check_constructed

# The two-dimensional frequencies of a 7x7 map, best first, as the authors' code ranks them: rows and columns.
_ROWS = (0, 0, 6, 0, 0, 1, 1, 4, 5, 1, 3, 0, 0, 0, 3, 2, 4, 6, 3, 5, 5, 2, 6, 5, 5, 3, 3, 4, 2, 2, 6, 1)
_COLUMNS = (0, 1, 0, 5, 2, 0, 2, 0, 0, 6, 0, 4, 6, 3, 5, 2, 6, 3, 3, 3, 5, 1, 1, 2, 4, 2, 1, 1, 3, 0, 5, 3)
_RANKED = 7


class FCA(nn.Module):
    """Frequency Channel Attention (FcaNet; Qin et al., ICCV 2021, arXiv:2012.11879, equations 5 to 8).

    SE with cosine transforms instead of the mean: the channels are split into as many parts as frequencies, one each.
    The frequencies are ranked on a 7x7 map and scaled by size / 7 for other sizes. Maps that are not of
    `map_size`, or are smaller than 7x7, are average-pooled to that size first.

    r: reduction ratio of the hidden layer
    frequencies: number of top-ranked frequencies; must divide the channels
    """

    version = 1
    one_size = "False"
    rules: ClassVar[dict[str, str]] = {
        "r >= 1": "r must be at least 1",
        "C // max(r, 1) >= 1": "r must not exceed the channels",
        "divides(frequencies, C)": "frequencies must divide the channels",
    }
    basis: Tensor

    def __init__(
        self,
        channels: int,
        map_size: tuple[int, int] | None = None,
        *,
        r: int = 16,
        frequencies: Literal[1, 2, 4, 8, 16, 32] = 16,
    ) -> None:
        super().__init__()
        check_constructed(self, channels, r=r, frequencies=frequencies)
        height, width = (max(size, _RANKED) for size in map_size or (_RANKED, _RANKED))
        waves = [
            torch.outer(_wave(row, height), _wave(column, width))
            for row, column in zip(_ROWS[:frequencies], _COLUMNS[:frequencies], strict=True)
        ]
        self.register_buffer("basis", torch.stack(waves)[:, None], persistent=False)  # (frequencies, 1, H, W)
        self.squeeze = nn.Linear(channels, channels // r, bias=False)
        self.excite = nn.Linear(channels // r, channels, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """x: (B, C, H, W) -> the same shape."""
        count, _, height, width = self.basis.shape
        maps = x if x.shape[2:] == (height, width) else functional.adaptive_avg_pool2d(x, (height, width))
        pooled = (maps.view(x.shape[0], count, -1, height, width) * self.basis).sum((3, 4)).flatten(1)  # (B, C)
        gate = self.excite(self.squeeze(pooled).relu()).sigmoid()
        return x * gate[:, :, None, None]


def _wave(rank: int, size: int) -> Tensor:
    """A cosine of the orthonormal DCT basis of length `size`: (size,)."""
    frequency = rank * (size // _RANKED)
    scale = sqrt((2 if frequency else 1) / size)
    return torch.tensor([scale * cos(pi * frequency * (positions + 0.5) / size) for positions in range(size)])
