"""SE, the squeeze-and-excitation gate."""

from typing import ClassVar

from torch import Tensor, nn

from attnctl.sources.signature import check_constructed


class SE(nn.Module):
    """Squeeze-and-Excitation (Hu et al., CVPR 2018, arXiv:1709.01507, section 3).

    r: reduction ratio of the hidden layer
    bias: biases in both layers; on in EAN's figures, off in ELA's and NAM's
    min_channels: minimum width of the hidden layer; 8 in EAN's ResNet-56
    """

    version = 1
    neutral: ClassVar[dict[str, object]] = {"min_channels": 0}
    rules: ClassVar[dict[str, str]] = {
        "r >= 1": "r must be at least 1",
        "min_channels >= 0": "min_channels must not be negative",
        "min_channels >= 1 or C // max(r, 1) >= 1": "r must not exceed the channels",
    }

    def __init__(self, channels: int, *, r: int = 16, bias: bool = False, min_channels: int = 0) -> None:
        super().__init__()
        check_constructed(self, channels, r=r, min_channels=min_channels)
        hidden = max(min_channels, channels // r)
        self.squeeze = nn.Linear(channels, hidden, bias=bias)
        self.excite = nn.Linear(hidden, channels, bias=bias)

    def forward(self, x: Tensor) -> Tensor:
        """x: (B, C, H, W) -> the same shape."""
        gate = self.excite(self.squeeze(x.mean((2, 3))).relu()).sigmoid()  # (B, C)
        return x * gate[:, :, None, None]
