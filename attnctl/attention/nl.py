"""The non-local block."""

from typing import ClassVar, Literal

from torch import Tensor, nn

from attnctl.attention._norm import BatchNorm2d
from attnctl.sources.signature import check_constructed


class NL(nn.Module):
    """Non-local block (Wang et al., CVPR 2018, arXiv:1711.07971, equations 1 to 6, figure 2).

    y = x + norm(W_z z),  z_i = sum over j of f(x_i, x_j) W_g x_j, with the affinity f between positions i and j:
    embedded, softmax over j of (W_theta x_i)^T W_phi x_j; or dot, the same product divided by the number of positions.
    The BatchNorm's scale begins at zero, so that y = x at the start (section 4.1).

    r: C / r is the width of theta, phi and g
    affinity: embedded (Gaussian) or dot (product)
    scaled: divide the products by sqrt(C), as timm's NonLocalAttn does; the paper does not
    """

    version = 1
    rules: ClassVar[dict[str, str]] = {
        "r >= 1": "r must be at least 1",
        "C // max(r, 1) >= 1": "r must not exceed the channels",
    }

    def __init__(
        self, channels: int, *, r: int = 2, affinity: Literal["embedded", "dot"] = "embedded", scaled: bool = False
    ) -> None:
        super().__init__()
        check_constructed(self, channels, r=r)
        width = channels // r
        self.softmax, self.scale = affinity == "embedded", channels**-0.5 if scaled else 1.0
        self.theta, self.phi, self.g = (nn.Conv2d(channels, width, 1) for _ in range(3))
        self.z = nn.Conv2d(width, channels, 1)
        self.norm = BatchNorm2d(channels)
        nn.init.zeros_(self.norm.weight)

    def forward(self, x: Tensor) -> Tensor:
        """x: (B, C, H, W) -> the same shape."""
        theta, phi, values = self.theta(x).flatten(2), self.phi(x).flatten(2), self.g(x).flatten(2)
        products = theta.transpose(1, 2) @ phi * self.scale  # (B, H W, H W)
        affinity = products.softmax(2).to(values.dtype) if self.softmax else products / products.shape[2]
        mixed = (values @ affinity.transpose(1, 2)).unflatten(2, x.shape[2:])
        return x + self.norm(self.z(mixed))
