"""MLCA, mixed local channel attention."""

from typing import ClassVar

from torch import Tensor, nn
from torch.nn import functional

from attnctl.attention.eca import adaptive_kernel
from attnctl.sources.signature import check_constructed


class MLCA(nn.Module):
    """Mixed Local Channel Attention (Wan et al., EAAI 2023, doi:10.1016/j.engappai.2023.106442; wandahangFY/MLCA).

    The map is average-pooled to `size` x `size` cells, l, and these to one, g. ECA's convolution k across channels, one
    each for both, gives the gate:

        a = weight * sigmoid(k_local(l)) + (1 - weight) * sigmoid(k_global(g)),  y = x * a

    The convolution of the cells goes over the channels of the first cell, then of the second, and so on. The gate is
    brought to the size of the map by adaptive average pooling, as in the released code.

    size: rows and columns of the local cells
    weight: share of the local gate
    """

    version = 1
    rules: ClassVar[dict[str, str]] = {
        "1 <= size <= 64": "size must be from 1 to 64",
        "0 <= weight <= 1": "weight must be from 0 to 1",
    }

    def __init__(self, channels: int, *, size: int = 5, weight: float = 0.5) -> None:
        super().__init__()
        check_constructed(self, channels, size=size, weight=weight)
        self.size, self.weight = size, weight
        kernel = adaptive_kernel(channels)
        self.whole = nn.Conv1d(1, 1, kernel, padding=kernel // 2, bias=False)
        self.local = nn.Conv1d(1, 1, kernel, padding=kernel // 2, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """x: (B, C, H, W) -> the same shape."""
        cells = functional.adaptive_avg_pool2d(x, (self.size, self.size)).flatten(2)  # (B, C, cells)
        whole = self.whole(cells.mean(2)[:, None]).sigmoid()  # (B, 1, C)
        row = self.local(cells.transpose(1, 2).reshape(x.shape[0], 1, -1)).sigmoid()  # (B, 1, cells C)
        local = row.view(x.shape[0], -1, x.shape[1]).transpose(1, 2)  # (B, C, cells)
        gate = self.weight * local + (1 - self.weight) * whole.transpose(1, 2)
        return x * functional.adaptive_avg_pool2d(gate.unflatten(2, (self.size, self.size)), (x.shape[2], x.shape[3]))
