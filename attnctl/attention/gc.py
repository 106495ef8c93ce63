"""GC, the global context block."""

from typing import ClassVar, Literal

from torch import Tensor, nn

from attnctl.sources.signature import check_constructed


class GC(nn.Module):
    """Global Context block (Cao et al., ICCV workshop 2019, arXiv:1904.11492, figure 4d).

    The transformed context is added to the map, not multiplied with it.

    r: reduction ratio of the bottleneck transform
    form: initial key convolution: paper (torch's default) or released (Kaiming normal, bias 0, as in the authors' code)
    """

    version = 1
    neutral: ClassVar[dict[str, object]] = {"form": "paper"}
    rules: ClassVar[dict[str, str]] = {
        "r >= 1": "r must be at least 1",
        "C // max(r, 1) >= 1": "r must not exceed the channels",
    }

    def __init__(self, channels: int, *, r: int = 16, form: Literal["paper", "released"] = "paper") -> None:
        super().__init__()
        check_constructed(self, channels, r=r)
        hidden = channels // r
        self.key = nn.Conv2d(channels, 1, 1)
        if form == "released" and self.key.bias is not None:
            nn.init.kaiming_normal_(self.key.weight, nonlinearity="relu")
            nn.init.zeros_(self.key.bias)
        last = nn.Linear(hidden, channels)
        nn.init.zeros_(last.weight)  # as released: at the start nothing is added
        nn.init.zeros_(last.bias)
        self.transform = nn.Sequential(nn.Linear(channels, hidden), nn.LayerNorm(hidden), nn.ReLU(inplace=True), last)

    def forward(self, x: Tensor) -> Tensor:
        """x: (B, C, H, W) -> the same shape."""
        attention = self.key(x).flatten(2).softmax(2)  # (B, 1, H W)
        context = (x.flatten(2) @ attention.transpose(1, 2))[:, :, 0]  # (B, C)
        return x + self.transform(context)[:, :, None, None]
