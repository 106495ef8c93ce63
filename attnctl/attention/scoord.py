"""timm's simplified coordinate attention."""

from typing import ClassVar

from torch import Tensor, nn

from attnctl.sources.signature import check_constructed


class SCoord(nn.Module):
    """Simplified Coordinate Attention (timm's SimpleCoordAttn, attention layer `scoord`; no paper describes it).

    y = x * sigmoid(W_h silu(W mean over W of x) + W_w silu(W mean over H of x)): CA with linear layers, without a norm,
    and with the sum of both axes in one sigmoid.

    r: reduction ratio; the hidden width C / r is rounded to a multiple of 8, at least 8
    bias: biases in the three layers
    """

    version = 1
    rules: ClassVar[dict[str, str]] = {"r >= 1": "r must be at least 1"}

    def __init__(self, channels: int, *, r: int = 6, bias: bool = True) -> None:
        super().__init__()
        check_constructed(self, channels, r=r)
        hidden = max(8, int(channels / r + 4) // 8 * 8)
        self.joint = nn.Sequential(nn.Linear(channels, hidden, bias=bias), nn.SiLU(inplace=True))
        self.height = nn.Linear(hidden, channels, bias=bias)
        self.width = nn.Linear(hidden, channels, bias=bias)

    def forward(self, x: Tensor) -> Tensor:
        """x: (B, C, H, W) -> the same shape."""
        high = self.height(self.joint(x.mean(3).transpose(1, 2))).transpose(1, 2)  # (B, C, H)
        wide = self.width(self.joint(x.mean(2).transpose(1, 2))).transpose(1, 2)  # (B, C, W)
        return x * (high[..., None] + wide[:, :, None]).sigmoid()
