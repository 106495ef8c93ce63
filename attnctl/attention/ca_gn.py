"""CA with GroupNorm, as ELA's ablations compare it."""

from typing import ClassVar

from attnctl.attention._coordinate import CoordinateGate
from attnctl.attention._norm import GroupNorm
from attnctl.sources.signature import check_constructed


class CAGroupNorm(CoordinateGate):
    """Coordinate Attention with GroupNorm in place of BatchNorm (Xu and Wan, 2024, arXiv:2403.01123, tables 2 and 3).

    r: reduction ratio of the joint hidden width
    min_channels: minimum hidden width
    bias: biases in the 1x1 convolutions
    num_groups: groups of the norm; the paper does not state it, but only 1 divides every hidden width
    """

    version = 1
    rules: ClassVar[dict[str, str]] = {
        "r >= 1": "r must be at least 1",
        "min_channels >= 1": "min_channels must be at least 1",
        "num_groups >= 1": "num_groups must be at least 1",
        "divides(num_groups, max(min_channels, C // max(r, 1)))": (
            "num_groups must divide the hidden width max(min_channels, C // r)"
        ),
    }

    def __init__(
        self, channels: int, *, r: int = 32, min_channels: int = 8, bias: bool = False, num_groups: int = 1
    ) -> None:
        check_constructed(self, channels, r=r, min_channels=min_channels, num_groups=num_groups)
        hidden = max(min_channels, channels // r)
        super().__init__(channels, hidden, GroupNorm(num_groups, hidden), bias)
