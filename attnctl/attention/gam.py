"""GAM, the global attention mechanism."""

from typing import ClassVar, Literal

from torch import Tensor, nn

from attnctl.attention._norm import BatchNorm2d
from attnctl.sources.signature import check_constructed


class GAM(nn.Module):
    """Global Attention Mechanism (Liu et al., 2021, arXiv:2112.05561, equations 1 and 2, figures 2 and 3).

    z = x * sigmoid(MLP(x)) with an MLP over the channels of each position, then y = z * sigmoid(S(z)), where S is two
    7x7 convolutions, each with a BatchNorm, and a ReLU between them. There is no pooling.

    r: reduction ratio of both hidden widths
    groups: groups of the 7x7 convolutions; above 1 the channels of the spatial gate are shuffled, as for ResNet-50
    form: channel gate: paper (the sigmoid of figure 2) or released (the MLP's output itself)
    """

    version = 1
    rules: ClassVar[dict[str, str]] = {
        "r >= 1": "r must be at least 1",
        "C // max(r, 1) >= 1": "r must not exceed the channels",
        "groups >= 1": "groups must be at least 1",
        "divides(groups, C)": "groups must divide the channels",
        "divides(groups, C // max(r, 1))": "groups must divide the hidden width, C / r",
    }

    def __init__(
        self, channels: int, *, r: int = 4, groups: int = 1, form: Literal["paper", "released"] = "paper"
    ) -> None:
        super().__init__()
        check_constructed(self, channels, r=r, groups=groups)
        hidden = channels // r
        self.groups = groups
        channel = [nn.Conv2d(channels, hidden, 1), nn.ReLU(inplace=True), nn.Conv2d(hidden, channels, 1)]
        self.channel = nn.Sequential(*channel, nn.Identity() if form == "released" else nn.Sigmoid())
        self.spatial = nn.Sequential(
            nn.Conv2d(channels, hidden, 7, padding=3, groups=groups),
            BatchNorm2d(hidden),
            nn.ReLU(inplace=True),
            nn.Conv2d(hidden, channels, 7, padding=3, groups=groups),
            BatchNorm2d(channels),
            nn.Sigmoid(),
        )

    def forward(self, x: Tensor) -> Tensor:
        """x: (B, C, H, W) -> the same shape."""
        x = x * self.channel(x)
        gate = self.spatial(x)
        if self.groups > 1:
            gate = gate.unflatten(1, (self.groups, -1)).transpose(1, 2).flatten(1, 2)
        return x * gate
