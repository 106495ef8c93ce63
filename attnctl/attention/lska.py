"""LSKA, large separable kernel attention."""

from typing import Literal

from torch import Tensor, nn

_KERNELS = {7: (3, 3, 2), 11: (3, 5, 2), 23: (5, 7, 3), 35: (5, 11, 3), 41: (5, 13, 3), 53: (5, 17, 3)}
"""Of each nominal kernel size: those of the plain and of the dilated depthwise convolution, and the dilation."""


class LSKA(nn.Module):
    """Large Separable Kernel Attention (Lau et al., ESWA 2024, arXiv:2309.01439, section 3.2).

    The gate has no sigmoid: y = x * conv1x1(D_v(D_h(K_v(K_h(x))))), all depthwise, K with a small kernel and D with a
    larger, dilated one, along rows (h) and columns (v). Code: StevenLauHKHK/Large-Separable-Kernel-Attention.

    kernel: nominal kernel size, the extent of all four convolutions together
    """

    version = 1

    def __init__(self, channels: int, *, kernel: Literal[7, 11, 23, 35, 41, 53] = 23) -> None:
        super().__init__()
        small, large, dilation = _KERNELS[kernel]
        self.gate = nn.Sequential(
            *_strips(channels, small, 1), *_strips(channels, large, dilation), nn.Conv2d(channels, channels, 1)
        )

    def forward(self, x: Tensor) -> Tensor:
        """x: (B, C, H, W) -> the same shape."""
        return x * self.gate(x)


def _strips(channels: int, kernel: int, dilation: int) -> list[nn.Conv2d]:
    """A depthwise convolution along the rows and one along the columns, with biases."""
    pad = kernel // 2 * dilation
    return [
        nn.Conv2d(channels, channels, (1, kernel), padding=(0, pad), dilation=(1, dilation), groups=channels),
        nn.Conv2d(channels, channels, (kernel, 1), padding=(pad, 0), dilation=(dilation, 1), groups=channels),
    ]
