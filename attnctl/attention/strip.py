"""timm's strip attention."""

from typing import ClassVar

from torch import Tensor, nn

from attnctl.sources.signature import check_constructed


class Strip(nn.Module):
    """Strip attention (timm's StripAttn, attention layer `strip`; no paper describes it).

    y = x * sigmoid(K_h(mean over W of x) + K_w(mean over H of x)), K a depthwise convolution along its axis.

    kernel: kernel size of the convolutions, odd; none: no convolutions
    bias: biases in the convolutions
    """

    version = 1
    rules: ClassVar[dict[str, str]] = {
        "kernel is None or 1 <= kernel <= 63 and kernel % 2 == 1": "kernel must be odd, from 1 to 63"
    }

    def __init__(self, channels: int, *, kernel: int | None = 3, bias: bool = False) -> None:
        super().__init__()
        check_constructed(self, channels, kernel=kernel)

        def refine() -> nn.Module:
            if kernel is None:
                return nn.Identity()
            return nn.Conv1d(channels, channels, kernel, padding=kernel // 2, groups=channels, bias=bias)

        self.height, self.width = refine(), refine()

    def forward(self, x: Tensor) -> Tensor:
        """x: (B, C, H, W) -> the same shape."""
        gate = self.height(x.mean(3))[..., None] + self.width(x.mean(2))[:, :, None]  # (B, C, H, W)
        return x * gate.sigmoid()
