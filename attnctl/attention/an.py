"""AN, attentive normalisation."""

from typing import ClassVar, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from attnctl.attention._norm import BatchNorm1d, BatchNorm2d, GroupNorm, map_correction
from attnctl.attention._switchable import SwitchableNorm
from attnctl.sources.signature import check_constructed

_WIDE = 256
"""The minimum number of channels at which `wide` applies."""


class AN(nn.Module):
    """Attentive Normalization (Li, Sun and Wu, arXiv:1908.01259, equations 6 and 7): replaces a norm layer.

    The affine transformation of a norm becomes a mixture of K, with weights computed from each image's feature map.

    K: number of mixture components
    form: how the weights are computed: paper (mean, linear layer, sigmoid; section 3.3) or released (the authors' code)
    norm: the norm whose affine transformation it replaces
    separate: separate weights for scale and offset (section 1.2)
    mixture: layers before the sigmoid: fc (one), se (an SE unit, section 3.2) or conv (conv-ReLU-mean, section 3.3)
    gn_groups: number of groups of norm=gn; must divide the channels
    wide: components at 256 or more channels (20 in the last two stages of the authors' ResNets); 0: same as K
    start: initial layers of the weights: default (torch's) or released (Kaiming normal over K, bias 0: authors' code)
    """

    version = 1
    replaces = True
    neutral: ClassVar[dict[str, object]] = {"gn_groups": 32, "wide": 0, "start": "default"}
    rules: ClassVar[dict[str, str]] = {
        "1 <= K <= 1024": "K must be from 1 to 1024",
        "0 <= wide <= 1024": "wide must be from 0, which is K, to 1024",
        "gn_groups >= 1": "gn_groups must be at least 1",
        "gn_groups == 32 or norm == 'gn'": "gn_groups is a choice of norm=gn",
        "norm != 'gn' or divides(gn_groups, C)": "gn_groups must divide the channels",
        "form == 'paper' or mixture == 'fc'": "mixture is a choice of form=paper",
    }

    def __init__(
        self,
        channels: int,
        *,
        K: int = 10,  # noqa: N803 - the paper's symbol
        form: Literal["paper", "released"] = "paper",
        norm: Literal["bn", "gn", "ln", "in", "sn"] = "bn",
        separate: bool = False,
        mixture: Literal["fc", "se", "conv"] = "fc",
        gn_groups: int = 32,
        wide: int = 0,
        start: Literal["default", "released"] = "default",
    ) -> None:
        super().__init__()
        check_constructed(self, channels, K=K, form=form, norm=norm, mixture=mixture, gn_groups=gn_groups, wide=wide)
        components = wide if wide and channels >= _WIDE else K

        def weights() -> nn.Module:
            layers = (
                _Released(channels, components, norm == "bn")
                if form == "released"
                else _PAPER[mixture](channels, components)
            )
            return layers.apply(_start_released) if start == "released" else layers

        self.normalise = _normalise(norm, channels, gn_groups)
        self.weights = weights()
        self.offset_weights = weights() if separate else None
        self.scale = nn.Parameter(1 + 0.1 * torch.randn(components, channels))
        self.offset = nn.Parameter(0.1 * torch.randn(components, channels))

    def forward(self, x: Tensor) -> Tensor:
        """x: (B, C, H, W) -> the same shape."""
        weights = self.weights(x)  # (B, K), of the map before it is normalised
        offset_weights = weights if self.offset_weights is None else self.offset_weights(x)
        scale, offset = ((weights @ self.scale)[..., None, None], (offset_weights @ self.offset)[..., None, None])
        if isinstance(self.normalise, SwitchableNorm):
            return self.normalise(x, scale, offset)
        return (self.normalise(x) * scale + offset).to(x.dtype)


class _Layer(nn.Module):
    """Mean, layer, sigmoid."""

    def __init__(self, channels: int, components: int) -> None:
        super().__init__()
        self.layer: nn.Module = nn.Linear(channels, components)

    def forward(self, x: Tensor) -> Tensor:
        return self.layer(x.mean((2, 3))).sigmoid()


class _SqueezeExcite(_Layer):
    """Mean, two layers with r=16, sigmoid."""

    def __init__(self, channels: int, components: int) -> None:
        super().__init__(channels, components)
        hidden = max(channels // 16, 1)
        self.layer = nn.Sequential(nn.Linear(channels, hidden), nn.ReLU(inplace=True), nn.Linear(hidden, components))


class _Convolution(nn.Module):
    """1x1 convolution, ReLU, mean, sigmoid."""

    def __init__(self, channels: int, components: int) -> None:
        super().__init__()
        self.layer = nn.Conv2d(channels, components, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.layer(x).relu().mean((2, 3)).sigmoid()


_PAPER = {"fc": _Layer, "se": _SqueezeExcite, "conv": _Convolution}


class _Released(nn.Module):
    """Mean divided by standard deviation, a linear layer (with a batch norm if the norm is one) and a hard sigmoid."""

    def __init__(self, channels: int, components: int, over_batch: bool) -> None:
        super().__init__()
        self.layer = nn.Linear(channels, components, bias=not over_batch)
        self.norm = BatchNorm1d(components) if over_batch else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        var, mean = torch.var_mean(x, (2, 3), correction=map_correction(x))
        return functional.hardsigmoid(self.norm(self.layer(mean * (var + 1e-3).rsqrt())))


def _start_released(layer: nn.Module) -> None:
    """Initialise a layer as the authors' networks initialise all their convolutions, of which these layers are some."""
    if isinstance(layer, nn.Linear | nn.Conv2d):
        nn.init.kaiming_normal_(layer.weight, mode="fan_out", nonlinearity="relu")
        if layer.bias is not None:
            nn.init.zeros_(layer.bias)


def _normalise(norm: str, channels: int, gn_groups: int) -> nn.Module:
    if norm == "bn":
        return BatchNorm2d(channels, affine=False)
    if norm == "sn":
        return SwitchableNorm(channels, ("in", "ln", "bn"))
    return GroupNorm({"gn": gn_groups, "ln": 1, "in": channels}[norm], channels, affine=False)
