"""CPCA, channel prior convolutional attention."""

from typing import ClassVar, Literal

from torch import Tensor, nn
from torch.nn import functional

from attnctl.sources.signature import check_constructed


class CPCA(nn.Module):
    """Channel Prior Convolutional Attention (Huang et al., 2023, arXiv:2306.05196; Cuthbert-Huang/CPCANet).

    z = x * sigmoid(MLP(mean of x) + MLP(maximum of x)), then y = z * conv1x1(d + s_7(d) + s_11(d) + s_21(d)), where d
    is a depthwise 5x5 convolution of z and s_k two depthwise ones, 1 x k and k x 1. The spatial gate has no sigmoid.

    In the authors' code the map goes through the gate's 1x1 convolution and a GELU first, and through the same
    convolution last, and the channel gate is the sum of the two sigmoids.

    r: reduction ratio of the MLP's hidden layer
    form: paper (the equations above) or released (the authors' code)
    """

    version = 1
    rules: ClassVar[dict[str, str]] = {
        "r >= 1": "r must be at least 1",
        "C // max(r, 1) >= 1": "r must not exceed the channels",
    }

    def __init__(self, channels: int, *, r: int = 4, form: Literal["paper", "released"] = "paper") -> None:
        super().__init__()
        check_constructed(self, channels, r=r)
        self.released = form == "released"
        hidden = channels // r
        self.mlp = nn.Sequential(nn.Linear(channels, hidden), nn.ReLU(inplace=True), nn.Linear(hidden, channels))
        self.local = nn.Conv2d(channels, channels, 5, padding=2, groups=channels)
        self.strips = nn.ModuleList(_strips(channels, kernel) for kernel in (7, 11, 21))
        self.mix = nn.Conv2d(channels, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        """x: (B, C, H, W) -> the same shape."""
        if self.released:
            x = functional.gelu(self.mix(x))
        mean, peak = self.mlp(x.mean((2, 3))), self.mlp(x.flatten(2).max(2).values)
        gate = mean.sigmoid() + peak.sigmoid() if self.released else (mean + peak).sigmoid()
        x = x * gate[:, :, None, None]
        local = self.local(x)
        total = local
        for strip in self.strips:
            total = total + strip(local)
        x = x * self.mix(total)
        return self.mix(x) if self.released else x


def _strips(channels: int, kernel: int) -> nn.Sequential:
    """Two depthwise convolutions, along the rows and along the columns."""
    return nn.Sequential(
        nn.Conv2d(channels, channels, (1, kernel), padding=(0, kernel // 2), groups=channels),
        nn.Conv2d(channels, channels, (kernel, 1), padding=(kernel // 2, 0), groups=channels),
    )
