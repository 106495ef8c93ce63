"""ELA, efficient local attention."""

from math import gcd
from typing import Any, ClassVar, Literal

from torch import Tensor, nn

from attnctl.attention._norm import GroupNorm
from attnctl.sources.signature import check_constructed


class ELA(nn.Module):
    """Efficient Local Attention (Xu and Wan, 2024, arXiv:2403.01123, equations 4 to 9, figure 4).

    Strip pooling along each axis, then a 1-D convolution, GroupNorm and a sigmoid, gives one positional gate per axis.
    Both axes share the convolution and the norm: equations 7 and 8 are ambiguous, but the published counts prove it.

    kernel: kernel size of the 1-D convolution, odd
    groups: groups of the convolution: c (depthwise), c/8 (eight channels per group) or a number that divides C
    num_groups: groups of the GroupNorm; if it does not divide C, the greatest common divisor is used
    shared: one convolution and norm for both axes, as published; false: one per axis
    variant: the paper's presets of kernel, groups and num_groups: t, b, s or l (section 3.3)
    """

    version = 1
    variants: ClassVar[dict[str, Any]] = {
        "variant": {
            "t": {"kernel": 5, "groups": "c", "num_groups": 32},
            "b": {"kernel": 7, "groups": "c", "num_groups": 16},
            "s": {"kernel": 5, "groups": "c/8", "num_groups": 16},
            "l": {"kernel": 7, "groups": "c/8", "num_groups": 16},
        }
    }
    effective: ClassVar[dict[str, str]] = {"num_groups": "gcd(num_groups, C)"}
    rules: ClassVar[dict[str, str]] = {
        "1 <= kernel <= 63 and kernel % 2 == 1": "kernel must be odd, from 1 to 63",
        "num_groups >= 1": "num_groups must be at least 1",
        "not isinstance(groups, int) or groups >= 1": "groups must be at least 1",
        "groups != 'c/8' or divides(8, C)": "groups=c/8 needs channels that 8 divides",
        "divides(groups, C)": "groups must divide the channels",
    }

    def __init__(
        self,
        channels: int,
        *,
        kernel: int = 7,
        groups: Literal["c", "c/8"] | int = "c",
        num_groups: int = 16,
        shared: bool = True,
        variant: Literal["t", "b", "s", "l"] | None = None,
    ) -> None:
        super().__init__()
        if variant is not None:
            kernel, groups, num_groups = self.variants["variant"][variant].values()
        check_constructed(self, channels, kernel=kernel, groups=groups, num_groups=num_groups)
        conv_groups = groups if isinstance(groups, int) else channels if groups == "c" else channels // 8
        self.num_groups = gcd(num_groups, channels)

        def gate() -> nn.Sequential:
            conv = nn.Conv1d(channels, channels, kernel, padding=kernel // 2, groups=conv_groups, bias=False)
            return nn.Sequential(conv, GroupNorm(self.num_groups, channels), nn.Sigmoid())

        self.height = gate()
        self.width = self.height if shared else gate()

    def forward(self, x: Tensor) -> Tensor:
        """x: (B, C, H, W) -> the same shape."""
        a = self.height(x.mean(3))  # (B, C, H)
        b = self.width(x.mean(2))  # (B, C, W)
        return x * a[:, :, :, None] * b[:, :, None, :]
