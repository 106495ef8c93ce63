"""CAA, context anchor attention."""

from typing import ClassVar

from torch import Tensor, nn

from attnctl.attention._norm import BatchNorm2d
from attnctl.sources.signature import check_constructed


class CAA(nn.Module):
    """Context Anchor Attention (PKINet; Cai et al., CVPR 2024, arXiv:2403.06258, section 3.3).

    y = x * sigmoid(F_2(D_v(D_h(F_1(average of 7x7 of x))))), where F is a 1x1 convolution with BatchNorm and SiLU, and
    D_h and D_v are depthwise convolutions along the rows and the columns. Code: NUST-Machine-Intelligence-Laboratory/
    PKINet, whose norms have epsilon 0.001 and momentum 0.03; padding counts in the average at the edges.

    kernel: kernel size of the depthwise convolutions, odd; 11 + 2 n in the n-th block of a stage of PKINet
    """

    version = 1
    rules: ClassVar[dict[str, str]] = {"1 <= kernel <= 63 and kernel % 2 == 1": "kernel must be odd, from 1 to 63"}

    def __init__(self, channels: int, *, kernel: int = 11) -> None:
        super().__init__()
        check_constructed(self, channels, kernel=kernel)
        half = kernel // 2
        self.gate = nn.Sequential(
            nn.AvgPool2d(7, stride=1, padding=3),
            *_pointwise(channels),
            nn.Conv2d(channels, channels, (1, kernel), padding=(0, half), groups=channels),
            nn.Conv2d(channels, channels, (kernel, 1), padding=(half, 0), groups=channels),
            *_pointwise(channels),
            nn.Sigmoid(),
        )

    def forward(self, x: Tensor) -> Tensor:
        """x: (B, C, H, W) -> the same shape."""
        return x * self.gate(x)


def _pointwise(channels: int) -> list[nn.Module]:
    norm = BatchNorm2d(channels, eps=0.001, momentum=0.03)
    return [nn.Conv2d(channels, channels, 1, bias=False), norm, nn.SiLU(inplace=True)]
