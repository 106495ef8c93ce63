"""CA, coordinate attention."""

from typing import ClassVar

from attnctl.attention._coordinate import CoordinateGate
from attnctl.attention._norm import BatchNorm2d
from attnctl.sources.signature import check_constructed


class CA(CoordinateGate):
    """Coordinate Attention (Hou et al., CVPR 2021, arXiv:2103.02907, section 3.2).

    r: reduction ratio of the joint hidden width
    min_channels: minimum hidden width; 8 in the released code, 1 in ELA's tables except MobileNetV2's
    bias: biases in the 1x1 convolutions, as in the released code; off in ELA's tables except MobileNetV2's
    """

    version = 1
    rules: ClassVar[dict[str, str]] = {
        "r >= 1": "r must be at least 1",
        "min_channels >= 1": "min_channels must be at least 1",
    }

    def __init__(self, channels: int, *, r: int = 32, min_channels: int = 8, bias: bool = True) -> None:
        check_constructed(self, channels, r=r, min_channels=min_channels)
        hidden = max(min_channels, channels // r)
        super().__init__(channels, hidden, BatchNorm2d(hidden), bias)
