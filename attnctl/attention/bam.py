"""BAM, the bottleneck attention module."""

from typing import ClassVar, Literal

from torch import Tensor, nn

from attnctl.attention._norm import BatchNorm1d, BatchNorm2d
from attnctl.sources.signature import check_constructed


class BAM(nn.Module):
    """Bottleneck Attention Module (Park et al., BMVC 2018, arXiv:1807.06514, equations 1 to 4).

    A channel gate and a spatial gate with dilated convolutions; the map is scaled by one plus the sigmoid of both.

    r: reduction ratio of both gates' hidden width
    dilation: dilation of the spatial gate's two 3x3 convolutions
    joint: how the gates are combined before the sigmoid: product (the released code) or sum (equation 2)
    """

    version = 1
    rules: ClassVar[dict[str, str]] = {
        "r >= 1": "r must be at least 1",
        "C // max(r, 1) >= 1": "r must not exceed the channels",
        "1 <= dilation <= 64": "dilation must be from 1 to 64",
    }

    def __init__(
        self, channels: int, *, r: int = 16, dilation: int = 4, joint: Literal["product", "sum"] = "product"
    ) -> None:
        super().__init__()
        check_constructed(self, channels, r=r, dilation=dilation)
        hidden = channels // r
        self.joint = joint
        self.channel = nn.Sequential(
            nn.Linear(channels, hidden), BatchNorm1d(hidden), nn.ReLU(inplace=True), nn.Linear(hidden, channels)
        )

        def step(inputs: int, kernel: int) -> list[nn.Module]:
            conv = nn.Conv2d(inputs, hidden, kernel, padding=kernel // 2 * dilation, dilation=dilation)
            return [conv, BatchNorm2d(hidden), nn.ReLU(inplace=True)]

        self.spatial = nn.Sequential(*step(channels, 1), *step(hidden, 3), *step(hidden, 3), nn.Conv2d(hidden, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        """x: (B, C, H, W) -> the same shape."""
        channel = self.channel(x.mean((2, 3)))[:, :, None, None]  # (B, C, 1, 1)
        spatial = self.spatial(x)  # (B, 1, H, W)
        joint = channel * spatial if self.joint == "product" else channel + spatial
        return x + x * joint.sigmoid()
