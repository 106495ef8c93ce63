"""eSE, effective squeeze-and-excitation."""

from typing import ClassVar, Literal

from torch import Tensor, nn

from attnctl.sources.signature import check_constructed


class ESE(nn.Module):
    """Effective Squeeze-Excitation (Lee and Park, CenterMask, CVPR 2020, arXiv:1911.06667).

    y = x * sigmoid(W mean(x)) with one layer W of C x C and bias: SE without its reduction.

    form: gate: paper (a sigmoid) or released (hard sigmoid, as in CenterMask2's and timm's code)
    """

    version = 1
    rules: ClassVar[dict[str, str]] = {"C >= 1": "the module needs at least 1 channel"}

    def __init__(self, channels: int, *, form: Literal["paper", "released"] = "paper") -> None:
        super().__init__()
        check_constructed(self, channels)
        self.layer = nn.Linear(channels, channels)
        self.gate = nn.Hardsigmoid() if form == "released" else nn.Sigmoid()

    def forward(self, x: Tensor) -> Tensor:
        """x: (B, C, H, W) -> the same shape."""
        return x * self.gate(self.layer(x.mean((2, 3))))[:, :, None, None]
