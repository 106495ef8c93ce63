"""ECA, efficient channel attention."""

from math import log2
from typing import ClassVar

from torch import Tensor, nn

from attnctl.sources.signature import check_constructed


class ECA(nn.Module):
    """Efficient Channel Attention (Wang et al., CVPR 2020, arXiv:1910.03151, section 3.2).

    kernel: kernel size across channels, odd; none: computed from the channels by the paper's equation 12
    """

    version = 1
    effective: ClassVar[dict[str, str]] = {"kernel": "kernel or int((log2(C) + 1) / 2) // 2 * 2 + 1"}
    rules: ClassVar[dict[str, str]] = {
        "kernel is None or 1 <= kernel <= 63 and kernel % 2 == 1": "kernel must be odd, from 1 to 63"
    }

    def __init__(self, channels: int, *, kernel: int | None = None) -> None:
        super().__init__()
        check_constructed(self, channels, kernel=kernel)
        size = adaptive_kernel(channels) if kernel is None else kernel
        self.conv = nn.Conv1d(1, 1, size, padding=size // 2, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """x: (B, C, H, W) -> the same shape."""
        gate = self.conv(x.mean((2, 3))[:, None]).sigmoid()  # (B, 1, C)
        return x * gate.transpose(1, 2)[..., None]


def adaptive_kernel(channels: int) -> int:
    """The odd kernel size for a number of channels: |(log2 C + 1) / 2|, made odd upwards (equation 12)."""
    size = int(abs((log2(channels) + 1) / 2))
    return size if size % 2 else size + 1
