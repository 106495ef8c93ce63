"""SimAM, parameter-free attention."""

from typing import ClassVar

from torch import Tensor, nn

from attnctl.sources.signature import check_constructed


class SimAM(nn.Module):
    """Simple, parameter-free attention module (Yang et al., ICML 2021, equations 5 and 6).

    e_lambda: lambda of the energy function
    """

    version = 1
    rules: ClassVar[dict[str, str]] = {"e_lambda > 0": "e_lambda must be above 0"}

    def __init__(self, channels: int, *, e_lambda: float = 1e-4) -> None:
        super().__init__()
        check_constructed(self, channels, e_lambda=e_lambda)
        self.e_lambda = e_lambda

    def forward(self, x: Tensor) -> Tensor:
        """x: (B, C, H, W) -> the same shape."""
        positions = x.shape[2] * x.shape[3]
        squared = (x - x.mean((2, 3), keepdim=True)).square()
        variance = squared.mean((2, 3), keepdim=True) * (positions / max(positions - 1, 1))
        return x * (squared / (4 * (variance + self.e_lambda)) + 0.5).sigmoid()
