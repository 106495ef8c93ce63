"""A classification network as the body of a detector: its maps, and which parts are frozen.

The body keeps the names of its parts, so that a classification run's weights fit under the network's `body_prefix`.
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
"""The attribute name of attention in the part that it follows."""


class _FixedStatistics(nn.Module):
    """A batch norm that uses its running statistics also in training, and does not update them."""

    def forward(self, x: Tensor) -> Tensor:
        """x: (B, C, ...) -> the same shape."""
        mean, var, eps = self.running_mean, self.running_var, self.eps
        return functional.batch_norm(x, mean, var, self.weight, self.bias, False, 0.0, eps)  # type: ignore[arg-type]


class FixedBatchNorm1d(_FixedStatistics, nn.BatchNorm1d):
    """BatchNorm over (B, C) or (B, C, L) by running statistics alone; scale and offset are parameters."""


class FixedBatchNorm2d(_FixedStatistics, nn.BatchNorm2d):
    """BatchNorm over (B, C, H, W) by running statistics alone; scale and offset are parameters."""


class Features(nn.Module):
    """The blocks of a MobileNet up to the last that is asked for, and maps from within.

    taps: paths in the body such as `features.13.expand` -> the name of the map that the part gives
    """

    def __init__(self, body: nn.Module, taps: Mapping[str, str]) -> None:
        super().__init__()
        blocks = body.get_submodule("features")
        assert isinstance(blocks, nn.Sequential)
        last = max(int(path.split(".")[1]) for path in taps)
        self.features = blocks[: last + 1]
        self.taps = {_wrapped(self, path): name for path, name in taps.items()}

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        """x: (B, 3, H, W) -> the maps by their names."""
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


def _wrapped(network: nn.Module, path: str) -> str:
    """The path of a part where parts above it have attention after them: `conv.0` is in `conv.part.0` then."""
    found = ""
    for word in path.split("."):
        inside = f"{found}." if found else ""
        if found and hasattr(network.get_submodule(found), _ATTENTION):
            inside += "part."
        found = inside + word
    return found


def pyramid_maps(body: nn.Module) -> tuple[nn.Module, list[int]]:
    """The body as a network that gives its maps at strides 4, 8, 16 and 32 as "0" to "3"; their channels.

    Raises SpecError for a network whose maps are not known.
    """
    if isinstance(body, ResNet):
        maps = IntermediateLayerGetter(body, {f"layer{index + 1}": str(index) for index in range(4)})
        return maps, [body.inplanes >> 3 - index for index in range(4)]
    if isinstance(body, MobileNetV2):
        taps = {f"features.{block}": str(index) for index, block in enumerate((3, 6, 13, 17))}
        return Features(body, taps), [24, 32, 96, 320]
    raise SpecError(
        f"{type(body).__name__} has no maps for a feature pyramid; torchvision's ResNet and MobileNetV2 have"
    )


def apply_norms(body: nn.Module, norms: str, *, buffers: bool = True) -> None:
    """Set the behaviour of a body's batch norms in training, in place; raises SpecError.

    norms: batch, as they are; frozen, running statistics, scale and offset stay as they are, and so do the stem and
    the first stage with what is in them. buffers: scale and offset of a frozen norm are buffers, as detectron2 and
    torchvision have it, and not parameters without gradient (AN's counts).

    The norms inside an attention module keep their statistics when frozen, and go on to learn their scale and offset.
    AN's scales, offsets and statistics are frozen, its weights go on to learn (Li, Sun and Wu, section 4.2).
    """
    if norms == "frozen":
        _freeze(body, buffers)
    elif norms != "batch":
        raise SpecError(f"norms must be batch or frozen, not {norms!r}")


def _freeze(body: nn.Module, buffers: bool) -> None:
    inside = {id(part) for module in body.modules() for part in _attention_parts(module)}
    for parent in list(body.modules()):
        for name, part in list(parent.named_children()):
            if isinstance(part, (nn.BatchNorm1d, nn.BatchNorm2d)):
                own = id(part) not in inside
                setattr(parent, name, _frozen(part) if own and buffers else _fixed(part, learns=not own))
    for module in body.modules():
        if isinstance(module, AN):
            module.scale.requires_grad_(False)
            module.offset.requires_grad_(False)
    for part in first_stage(body):
        part.requires_grad_(False)


def _attention_parts(module: nn.Module) -> Iterator[nn.Module]:
    """The parts of the attention that a module is, or holds after a part."""
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
    """The parts of the stem and of the first stage."""
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


def ends_with_stride_16(body: nn.Module) -> None:
    """Keep the resolution in the last stage of a ResNet, replacing its stride by dilation (in place).

    As torchvision's `replace_stride_with_dilation`: the first block has the dilation of the stage before, 1; raises
    SpecError.
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
    """Initialise convolutions after He et al., by their outputs, and their offsets with zero."""
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
            if module.bias is not None:
                nn.init.zeros_(module.bias)
