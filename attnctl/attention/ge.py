"""GE, gather-excite."""

from typing import Any, ClassVar, Literal

from torch import Tensor, nn
from torch.nn import functional

from attnctl.attention._norm import BatchNorm2d
from attnctl.sources.signature import check_constructed
from attnctl.values import SpecError


class GE(nn.Module):
    """Gather-Excite (Hu et al., NeurIPS 2018, arXiv:1810.12348, sections 3 and 4; hujie-frank/GENet).

    y = x * sigmoid(excite(gather(x))), where the gate is brought to the size of the map by the nearest value. Pooling
    averages 2 e - 1 positions a side, e apart. The convolutions are depthwise, with BatchNorm: log2 e of 3x3 and stride
    2 with ReLUs between them, or one as large as the map, which works for one map size only.

    gather: pool (averages) or conv (depthwise convolutions)
    excite: none or mlp (two 1x1 convolutions with a ReLU between them, as in SE)
    extent: e, how many positions a side are gathered: 2, 4, 8, or 0 for the whole map
    r: reduction ratio of the mlp's hidden layer
    variant: the paper's minus (no parameters), theta (conv) or plus (conv and mlp)
    """

    version = 1
    one_size = "gather == 'conv' and extent == 0"
    variants: ClassVar[dict[str, Any]] = {
        "variant": {
            "minus": {"gather": "pool", "excite": "none"},
            "theta": {"gather": "conv", "excite": "none"},
            "plus": {"gather": "conv", "excite": "mlp"},
        }
    }
    rules: ClassVar[dict[str, str]] = {
        "r >= 1": "r must be at least 1",
        "excite == 'none' or C // max(r, 1) >= 1": "r must not exceed the channels",
    }

    def __init__(
        self,
        channels: int,
        map_size: tuple[int, int] | None = None,
        *,
        gather: Literal["pool", "conv"] = "pool",
        excite: Literal["none", "mlp"] = "none",
        extent: Literal[0, 2, 4, 8] = 0,
        r: int = 16,
        variant: Literal["minus", "theta", "plus"] | None = None,
    ) -> None:
        super().__init__()
        if variant is not None:
            gather, excite = self.variants["variant"][variant].values()
        check_constructed(self, channels, gather=gather, excite=excite, extent=extent, r=r)
        self.extent = extent
        self.map_size: tuple[int, int] | None = None
        self.gather: nn.Sequential | None = None
        if gather == "conv" and extent == 0:
            if map_size is None:
                raise SpecError(f"ge gather=conv extent=0 at {channels} channels needs map_size=(height, width)")
            self.map_size = map_size
            self.gather = nn.Sequential(*_depthwise(channels, map_size, 1, 0))
        elif gather == "conv":
            steps = [_depthwise(channels, (3, 3), 2, 1) for _ in range(extent.bit_length() - 1)]
            joined = [part for step in steps for part in (*step, nn.ReLU(inplace=True))]
            self.gather = nn.Sequential(*joined[:-1])
        self.excite: nn.Sequential | None = None
        if excite == "mlp":
            self.excite = nn.Sequential(
                nn.ReLU() if gather == "conv" else nn.Identity(),
                nn.Conv2d(channels, channels // r, 1),
                nn.ReLU(inplace=True),
                nn.Conv2d(channels // r, channels, 1),
            )

    def forward(self, x: Tensor) -> Tensor:
        """x: (B, C, H, W) -> the same shape; with a convolution of the whole map (H, W) must be `map_size`."""
        gathered = self._pooled(x) if self.gather is None else self._convolved(x)
        if self.excite is not None:
            gathered = self.excite(gathered)
        if self.extent:
            gathered = functional.interpolate(gathered, x.shape[2:])
        return x * gathered.sigmoid()

    def _pooled(self, x: Tensor) -> Tensor:
        if self.extent == 0:
            return x.mean((2, 3), keepdim=True)
        return functional.avg_pool2d(
            x, 2 * self.extent - 1, self.extent, self.extent - 1, count_include_pad=False
        )  # padding does not count

    def _convolved(self, x: Tensor) -> Tensor:
        if self.map_size is not None and tuple(x.shape[2:]) != self.map_size:
            raise ValueError(f"GE's convolution was made for maps of {self.map_size}, not {tuple(x.shape[2:])}")
        assert self.gather is not None
        gathered: Tensor = self.gather(x)
        return gathered


def _depthwise(channels: int, kernel: tuple[int, int], stride: int, padding: int) -> list[nn.Module]:
    conv = nn.Conv2d(channels, channels, kernel, stride=stride, padding=padding, groups=channels, bias=False)
    return [conv, BatchNorm2d(channels)]
