"""CA, coordinate attention."""

from typing import ClassVar

from attnctl.attention._coordinate import CoordinateGate
from attnctl.attention._norm import BatchNorm2d
from attnctl.sources.signature import check_constructed


class CA(CoordinateGate):
    """Coordinate Attention (Hou et al., CVPR 2021, arXiv:2103.02907, section 3.2).

    r: reduction of the joint hidden width
    floor: the hidden width's least value; 8 as released, 1 in ELA's tables except MobileNetV2's
    bias: biases in the 1x1 convolutions; as released with, in ELA's tables except MobileNetV2's without
    """

    version = 1
    rules: ClassVar = {
        "r >= 1": "r must be at least 1",
        "floor >= 1": "floor must be at least 1",
    }

    def __init__(self, channels: int, *, r: int = 32, floor: int = 8, bias: bool = True) -> None:
        check_constructed(self, channels, r=r, floor=floor)
        hidden = max(floor, channels // r)
        super().__init__(channels, hidden, BatchNorm2d(hidden), bias)
