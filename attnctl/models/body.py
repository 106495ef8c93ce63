"""A classification network as the body of a detector: its feature maps, and which parts are frozen.

The body keeps the names of its parts, so that the weights of a classification run fit under `body_prefix`.
"""

from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping
from functools import partial

import torch
from torch import Tensor, nn
from torch.nn import functional
from torchvision.models import MobileNetV2, ResNet
from torchvision.models._utils import IntermediateLayerGetter
from torchvision.ops import FrozenBatchNorm2d

from attnctl.attention.an import AN
from attnctl.backbones.mobilenext import MobileNeXt
from attnctl.values import SpecError

_ATTENTION = "attention"
"""The attribute of `surgery.Attended` that holds the attention module."""


class _FixedStatistics(nn.Module):
    """A batch norm that uses its running statistics also in training, and does not update them."""

    def forward(self, x: Tensor) -> Tensor:
        """x: (B, C, ...) -> the same shape."""
        mean, var, eps = self.running_mean, self.running_var, self.eps
        return functional.batch_norm(x, mean, var, self.weight, self.bias, False, 0.0, eps)  # type: ignore[arg-type]


class FixedBatchNorm1d(_FixedStatistics, nn.BatchNorm1d):
    """BatchNorm over (B, C) or (B, C, L) that always uses its running statistics; scale and offset are parameters."""


class FixedBatchNorm2d(_FixedStatistics, nn.BatchNorm2d):
    """BatchNorm over (B, C, H, W) that always uses its running statistics; scale and offset are parameters."""


class Features(nn.Module):
    """The blocks of a MobileNet up to the last one needed; outputs the feature maps of some of its parts.

    taps: path of a part in the body, such as `features.13.expand` -> name of its output map
    """

    def __init__(self, body: nn.Module, taps: Mapping[str, str]) -> None:
        super().__init__()
        blocks = body.get_submodule("features")
        assert isinstance(blocks, nn.Sequential)
        last_block = max(int(path.split(".")[1]) for path in taps)
        self.features = blocks[: last_block + 1]
        self.taps = {_attended_path(self, path): name for path, name in taps.items()}

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        """x: (B, 3, H, W) -> the maps by name."""
        maps: dict[str, Tensor] = {}
        hooks = [
            self.get_submodule(path).register_forward_hook(partial(_keep, maps, name))
            for path, name in self.taps.items()
        ]
        try:
            self.features(x)
        finally:
            for hook in hooks:
                hook.remove()
        return OrderedDict((name, maps[name]) for name in self.taps.values())


def _keep(maps: dict[str, Tensor], name: str, _part: nn.Module, _inputs: object, output: Tensor) -> None:
    maps[name] = output


def _attended_path(network: nn.Module, path: str) -> str:
    """The path of a part after insertion: `conv.0` becomes `conv.part.0` if attention follows `conv`."""
    actual = ""
    for name in path.split("."):
        prefix = f"{actual}." if actual else ""
        if actual and hasattr(network.get_submodule(actual), _ATTENTION):
            prefix += "part."
        actual = prefix + name
    return actual


def pyramid_maps(body: nn.Module) -> tuple[nn.Module, list[int]]:
    """The body as a network with outputs "0" to "3", its maps at strides 4, 8, 16 and 32; and the maps' channels.

    Raises SpecError for other networks than torchvision's ResNet and MobileNetV2.
    """
    if isinstance(body, ResNet):
        maps = IntermediateLayerGetter(body, {f"layer{index + 1}": str(index) for index in range(4)})
        return maps, [body.inplanes >> 3 - index for index in range(4)]
    if isinstance(body, MobileNetV2):
        taps = {f"features.{block}": str(index) for index, block in enumerate((3, 6, 13, 17))}
        return Features(body, taps), [24, 32, 96, 320]
    raise SpecError(
        f"a feature pyramid works with torchvision's ResNet and MobileNetV2, not with {type(body).__name__}"
    )


def apply_norms(body: nn.Module, norms: str, *, buffers: bool = True) -> None:
    """Set how a body's batch norms behave in training, in place; raises SpecError.

    norms: `batch` leaves them unchanged; `frozen` fixes their running statistics, scale and offset, and freezes the
    stem and the first stage with everything in them. buffers: frozen norms hold scale and offset as buffers, as in
    detectron2 and torchvision; if false, as parameters without gradient, which AN's published counts include.

    With `frozen`, norms inside attention modules fix only their statistics and still learn scale and offset. In AN,
    scales, offsets and statistics are frozen, and the mixture weights still learn (Li, Sun and Wu, section 4.2).
    """
    if norms == "frozen":
        _freeze(body, buffers)
    elif norms != "batch":
        raise SpecError(f"norms must be batch or frozen, not {norms!r}")


def _freeze(body: nn.Module, buffers: bool) -> None:
    in_attention = {id(part) for module in body.modules() for part in _attention_parts(module)}
    for parent in list(body.modules()):
        for name, part in list(parent.named_children()):
            if isinstance(part, (nn.BatchNorm1d, nn.BatchNorm2d)):
                outside = id(part) not in in_attention
                setattr(parent, name, _frozen(part) if outside and buffers else _fixed(part, learns=not outside))
    for module in body.modules():
        if isinstance(module, AN):
            module.scale.requires_grad_(False)
            module.offset.requires_grad_(False)
    for part in first_stage(body):
        part.requires_grad_(False)


def _attention_parts(module: nn.Module) -> Iterator[nn.Module]:
    """The modules of the attention that a module is (AN) or contains (`surgery.Attended`)."""
    attention = module if isinstance(module, AN) else getattr(module, _ATTENTION, None)
    if isinstance(attention, nn.Module):
        yield from attention.modules()


def _frozen(norm: nn.BatchNorm1d | nn.BatchNorm2d) -> nn.Module:
    with _device(norm):
        frozen = FrozenBatchNorm2d(norm.num_features, norm.eps)
    frozen.load_state_dict(norm.state_dict())
    return frozen


def _fixed(norm: nn.BatchNorm1d | nn.BatchNorm2d, *, learns: bool) -> nn.Module:
    kind = FixedBatchNorm1d if isinstance(norm, nn.BatchNorm1d) else FixedBatchNorm2d
    with _device(norm):
        fixed = kind(norm.num_features, norm.eps, norm.momentum, norm.affine, norm.track_running_stats)
    fixed.load_state_dict(norm.state_dict())
    return fixed.requires_grad_(learns)


def _device(norm: nn.Module) -> torch.device:
    return next((tensor.device for tensor in (*norm.parameters(), *norm.buffers())), torch.device("cpu"))


def first_stage(body: nn.Module) -> Iterable[nn.Module]:
    """The modules of the stem and the first stage; raises SpecError for an unknown network."""
    if isinstance(body, (MobileNetV2, MobileNeXt)):
        features = body.get_submodule("features")
        assert isinstance(features, nn.Sequential)
        return list(features[:2])
    parts = []
    for name, part in body.named_children():
        parts.append(part)
        if name == "layer1":
            return parts
    raise SpecError(f"{type(body).__name__} has no known first stage to freeze; use norms=batch")


def dilate_last_stage(body: nn.Module) -> None:
    """Replace the stride of a ResNet's last stage by dilation, in place, so that its maps stay at stride 16.

    The first block keeps dilation 1, as with torchvision's `replace_stride_with_dilation`. Raises SpecError for other
    networks.
    """
    if not isinstance(body, ResNet):
        raise SpecError(f"{type(body).__name__} cannot keep its resolution in its last stage; torchvision's ResNet can")
    stage = getattr(body.layer4, "part", body.layer4)
    for index, block in enumerate(stage):
        for path, conv in block.named_modules():
            if not isinstance(conv, nn.Conv2d) or _ATTENTION in path.split("."):
                continue
            conv.stride = (1, 1)
            if index and conv.kernel_size == (3, 3):
                conv.dilation = conv.padding = (2, 2)


def kaiming(network: nn.Module) -> None:
    """Initialise the weights of convolutions as He et al. do (normal, fan-out), and their biases with zero."""
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
            if module.bias is not None:
                nn.init.zeros_(module.bias)
