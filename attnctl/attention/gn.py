"""GN, group normalisation."""

from typing import ClassVar

from attnctl.attention._norm import GroupNorm
from attnctl.sources.signature import check_constructed


class GN(GroupNorm):
    """Group Normalization (Wu and He, ECCV 2018, arXiv:1803.08494, section 3): replaces a norm layer.

    num_groups: number of groups; must divide the channels
    """

    version = 1
    replaces = True
    rules: ClassVar[dict[str, str]] = {
        "num_groups >= 1": "num_groups must be at least 1",
        "divides(num_groups, C)": "num_groups must divide the channels",
    }

    def __init__(self, channels: int, *, num_groups: int = 32) -> None:
        check_constructed(self, channels, num_groups=num_groups)
        super().__init__(num_groups, channels)
