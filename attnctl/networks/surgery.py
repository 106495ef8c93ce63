"""Inserting attention modules into a network at named placements, without rewriting the network."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from attnctl import attention, backbones, datasets, models, sources
from attnctl.backbones.places import Part, Placement, check_fit, find
from attnctl.backbones.trace import evaluating, trace
from attnctl.sources.combination import parts_of, values_of
from attnctl.sources.signature import ModuleSource
from attnctl.spec import DEFAULT, RunSpec
from attnctl.values import Scalar, SpecError


class Attended(nn.Module):
    """A part of a network followed by attention. channels_last: the part's map is (B, H, W, C).

    attention: the module, or a `Sequence` of several.
    """

    def __init__(self, part: nn.Module, attention: nn.Module, channels_last: bool = False) -> None:
        super().__init__()
        self.part = part
        self.attention = attention
        self.channels_last = channels_last

    def forward(self, *inputs: Any, **keywords: Any) -> Tensor:
        """The part's inputs -> its output map (B, C, H, W) after the attention module."""
        x: Tensor = self.part(*inputs, **keywords)
        if self.channels_last:
            x = x.permute(0, 3, 1, 2)
        x = self.attention(x)
        return x.permute(0, 2, 3, 1) if self.channels_last else x

    def __prepare_scriptable__(self) -> nn.Module:
        """What torch.jit.script takes in place of this module, whose forward has any number of inputs."""
        return _OneInput(self.part, self.attention, self.channels_last)


class _OneInput(nn.Module):
    """An `Attended` whose part has one input."""

    def __init__(self, part: nn.Module, attention: nn.Module, channels_last: bool) -> None:
        super().__init__()
        self.part = part
        self.attention = attention
        self.channels_last = channels_last

    def forward(self, x: Tensor) -> Tensor:
        """As in `Attended`."""
        x = self.part(x)
        if self.channels_last:
            x = x.permute(0, 3, 1, 2)
        x = self.attention(x)
        return x.permute(0, 2, 3, 1) if self.channels_last else x


class AttendedTokens(Attended):
    """A part whose output is tokens (B, N, C), followed by attention on the square map that they hold.

    prefix: how many tokens (class token, registers) precede those of the map; they pass unchanged. side: of the map.
    """

    def __init__(self, part: nn.Module, attention: nn.Module, prefix: int, side: int) -> None:
        super().__init__(part, attention)
        self.prefix = prefix
        self.side = side

    def forward(self, *inputs: Any, **keywords: Any) -> Tensor:
        """The part's inputs -> its output tokens (B, N, C) after the attention module."""
        return _on_map(self.part(*inputs, **keywords), self.attention, self.prefix, self.side)

    def __prepare_scriptable__(self) -> nn.Module:
        """As in `Attended`."""
        return _OneInputOfTokens(self.part, self.attention, self.prefix, self.side)


def _on_map(tokens: Tensor, attention: nn.Module, prefix: int, side: int) -> Tensor:
    """Apply attention to the map that tokens hold after their prefix."""
    x = tokens[:, prefix:].transpose(1, 2)
    x = attention(x.reshape(x.shape[0], x.shape[1], side, side))
    return torch.cat([tokens[:, :prefix], x.flatten(2).transpose(1, 2)], dim=1)


class _OneInputOfTokens(nn.Module):
    """An `AttendedTokens` whose part has one input."""

    def __init__(self, part: nn.Module, attention: nn.Module, prefix: int, side: int) -> None:
        super().__init__()
        self.part = part
        self.attention = attention
        self.prefix = prefix
        self.side = side

    def forward(self, x: Tensor) -> Tensor:
        """As in `AttendedTokens`."""
        tokens: Tensor = self.part(x)
        x = tokens[:, self.prefix :].transpose(1, 2)
        x = self.attention(x.reshape(x.shape[0], x.shape[1], self.side, self.side))
        return torch.cat([tokens[:, : self.prefix], x.flatten(2).transpose(1, 2)], dim=1)


class Sequence(nn.Sequential):
    """Several attention modules after the same part, each applied to the output of the one before it."""


@dataclass(frozen=True)
class Attention:
    """A module with all its hyperparameters and its placement."""

    module: ModuleSource
    placement: Placement
    hyperparameters: Mapping[str, Scalar]


def build(spec: RunSpec, stored: Path | None = None) -> nn.Module:
    """Build a run's network with its attention modules, randomly initialised from torch's default generator.

    stored: the workspace's folder of users' files, for a run that uses them. Raises SpecError.
    """
    if stored is not None:
        sources.remember(stored, spec.code_versions)
    backbone = backbones.of_run(spec.backbone, spec.versions.backbone, stored)
    attended = [_of_run(part, backbone, stored) for part in spec.components]
    return _network_of_run(spec, backbone, datasets.describe(spec.dataset).classes, attended)


def _of_run(spec: RunSpec, backbone: str, stored: Path | None) -> Attention:
    """The module of a spec that has one."""
    module = attention.of_run(spec.module, spec.versions.module, stored)
    placement = models.placement(spec.model, backbone, spec.placement)
    # neutral: the value in runs from before the hyperparameter existed
    return Attention(module, placement, {**module.neutral, **dict(spec.hyperparameters)})


def attended_by(
    module: str, hyperparameters: Mapping[str, Scalar], model: str, backbone: str, placement: str
) -> list[Attention]:
    """The modules that a text names, at their placements; raises SpecError.

    placement: of the modules that have no own. hyperparameters: all of them.
    """
    source = attention.describe(module)
    return [
        Attention(part, models.placement(model, backbone, own or placement), values_of(source, part, hyperparameters))
        for part, (_, own) in zip(parts_of(source), attention.split(module), strict=True)
    ]


def build_plain(spec: RunSpec, stored: Path | None = None, *, more_classes: int = 0) -> nn.Module:
    """Build a run's network without attention, randomly initialised. more_classes: beyond those of the data set.

    stored: as for `build`. Raises SpecError.
    """
    backbone = backbones.of_run(spec.backbone, spec.versions.backbone, stored)
    return _network_of_run(spec, backbone, datasets.describe(spec.dataset).classes + more_classes, [])


def _network_of_run(spec: RunSpec, backbone: str, classes: int, attended: Collection[Attention]) -> nn.Module:
    if not spec.model:
        size = spec.recipe.input_size or datasets.describe(spec.dataset).height
        return network_of(backbone, classes, attended, size=size, fan_in=spec.recipe.weight_init == "fan-in")
    norms = "batch" if spec.recipe.norms == "sync" else spec.recipe.norms  # the loop makes them sync
    size = spec.recipe.input_size
    network = network_of(backbone, classes, attended, model=spec.model, norms=norms, size=size)
    if spec.recipe.short_sides() or spec.recipe.max_size:
        from attnctl.models.scales import rescale

        rescale(network, spec.recipe.short_sides(), spec.recipe.max_size)
    if options := spec.recipe.model_options():
        from attnctl.models.options import configure

        configure(network, options)
    return network


def input_shape(spec: RunSpec) -> tuple[int, int, int]:
    """(channels, height, width) of the image used to count a run's network."""
    dataset = datasets.describe(spec.dataset)
    if spec.recipe.input_size:
        return dataset.channels, spec.recipe.input_size, spec.recipe.input_size
    if spec.model:
        return dataset.channels, models.describe(spec.model).input, models.describe(spec.model).input
    return dataset.channels, dataset.height, dataset.width


def network_of(
    backbone: str,
    classes: int,
    attended: Collection[Attention],
    *,
    size: int,
    model: str = "",
    norms: str = DEFAULT,
    fan_in: bool = False,
) -> nn.Module:
    """A backbone with attention, inside its model if there is one; raises SpecError.

    attended: in the order in which modules after the same part are applied. size: side of the square input in pixels;
    with a model, size and norms are as for `models.build`. fan_in: initialise all layers of a classifier by their
    fan-in; those of the backbone first, so that they are equal with every module.
    """
    network = backbones.build(backbone, classes, 0 if model else size)
    if not model:
        started = _start_by_fan_in(network) if fan_in else ()
        _attend(network, attended, size)
        if fan_in:
            _start_by_fan_in(network, started)
        return network
    own = [item for item in attended if models.is_own(model, item.placement.label)]
    _attend(network, [item for item in attended if item not in own], backbones.describe(backbone).input)
    network = models.build(model, network, classes, norms=norms, size=size)
    for item in own:
        channels = models.channels_by_path(model, backbone, item.placement.label)
        parts = [Part(path, *_kinds(network, path), (count, 0, 0)) for path, count in channels.items()]
        _insert(network, item, parts)
    return network


def _start_by_fan_in(network: nn.Module, started: Collection[nn.Module] = ()) -> Collection[nn.Module]:
    """Initialise the convolutions and linear layers that are not in `started`, and return them."""
    layers = [
        layer for layer in network.modules() if isinstance(layer, nn.Conv2d | nn.Linear) and layer not in set(started)
    ]
    for layer in layers:
        nn.init.kaiming_normal_(layer.weight, mode="fan_in")
        if layer.bias is not None:
            nn.init.zeros_(layer.bias)
    return layers


def _kinds(network: nn.Module, path: str) -> tuple[str, str]:
    """The class of a part, and the class of its enclosing module, before attention came after them."""
    part, parent = (network.get_submodule(_located(network, name)) for name in (path, path.rpartition(".")[0]))
    return type(part).__name__, type(parent).__name__


def _attend(network: nn.Module, attended: Collection[Attention], size: int) -> None:
    parts = trace(network, size) if attended else []
    for item in attended:
        _insert(network, item, parts)


def attach(
    network: nn.Module,
    name: str | ModuleSource,
    placement: str = "block",
    *,
    backbone: str | None = None,
    size: int | None = None,
    **hyperparameters: Scalar,
) -> nn.Module:
    """Insert module `name` into a network of torchvision, timm or your own, and return the network.

    name: several modules as `ean+se` or `an@norm2+se@block`; their hyperparameters are `**{"ean.G": 8}`.
    placement: a name, a pattern such as `layer*.?.bn3` or `replace:layer*.*.bn2`, or several as `conv2+stage`.
    backbone: the backbone whose placements are used; default: those of the family of the network's class. size: side
    of its square input in pixels; default: the backbone's, or 224. Raises SpecError.
    """
    size = size or (backbones.describe(backbone).input if backbone is not None else 224)
    parts = trace(network, size)
    source = attention.describe(name) if isinstance(name, str) else name
    split = attention.split(name) if isinstance(name, str) else [(name.name, "")]
    for part, (_, own) in zip(parts_of(source), split, strict=True):
        if backbone is not None:
            resolved = backbones.placement(backbone, own or placement)
        else:
            resolved = backbones.placement_in(type(network).__name__, parts, size, own or placement)
        _insert(network, Attention(part, resolved, values_of(source, part, hyperparameters)), parts)
    return network


def insert(
    network: nn.Module, name: str | ModuleSource, placement: Placement, hyperparameters: Mapping[str, Scalar], size: int
) -> None:
    """Insert a module after each matching part, or replace it; raises SpecError if none matches or it does not fit.

    name: of a module, or a result of `attention.describe`. size: side in pixels of the square input with which the maps
    are measured.
    """
    module = attention.describe(name) if isinstance(name, str) else name
    _insert(network, Attention(module, placement, hyperparameters), trace(network, size))


def _insert(network: nn.Module, attended: Attention, parts: Collection[Part]) -> None:
    """Like `insert`, for a network whose parts were traced before any attention came into it."""
    module, placement, hyperparameters = attended.module, attended.placement, attended.hyperparameters
    matched = find(parts, placement, type(network).__name__)
    check_fit(module.name, module.replaces, placement, all(part.is_norm for part in matched))
    created = {part.path: _create(module, part, hyperparameters) for part in matched}
    by_path = {part.path: part for part in parts}
    for sharing, source in placement.again.items():
        if module.needs_map and _sizes(created[source]) != _sizes(_create(module, by_path[sharing], hyperparameters)):
            raise SpecError(
                f"{module.name} needs one map size, but maps of two sizes share a module at {placement.label}"
            )
    for part in matched:
        if placement.replaces:
            path = _located(network, part.path)
            _copy_zero_scale(network.get_submodule(path), created[part.path])
            _put(network, path, _for_layout(part, created[part.path]))
        else:
            _follow(network, part, created[part.path])
    for sharing, source in placement.again.items():
        _follow(network, by_path[sharing], created[source])


def _follow(network: nn.Module, part: Part, module: nn.Module) -> None:
    """Let a module follow a part, after the attention that follows it already."""
    path = _located(network, part.path)
    attended = network.get_submodule(path.removesuffix(_PART)) if path.endswith(_PART) else None
    if not isinstance(attended, Attended):
        _put(network, path, _attended(network.get_submodule(path), module, part))
    elif isinstance(attended.attention, Sequence):
        attended.attention.append(module)
    else:
        attended.attention = Sequence(attended.attention, module)


def _attended(module: nn.Module, attention: nn.Module, part: Part) -> Attended:
    """A module of a network, which gave this part's output, followed by attention."""
    if part.prefix is not None and part.shape is not None:
        return AttendedTokens(module, attention, part.prefix, part.shape[1])
    return Attended(module, attention, part.last)


def _for_layout(part: Part, module: nn.Module) -> nn.Module:
    """A module that can stand where this part stood, whose maps may have their channels last, or be tokens."""
    return _attended(nn.Identity(), module, part) if part.last or part.prefix is not None else module


_PART = ".part"


def _located(network: nn.Module, path: str) -> str:
    """The path of a part in a network with attention: `layer1.0` is `layer1.part.0` if attention follows `layer1`."""
    actual = ""
    for name in filter(None, path.split(".")):
        if f".{name}" == _PART and actual.endswith(_PART):
            continue  # the path was traced with attention in the network
        actual = f"{actual}.{name}" if actual else name
        if isinstance(network.get_submodule(actual), Attended):
            actual += _PART
    return actual


def modules_of(attention: nn.Module) -> Iterator[nn.Module]:
    """The modules that follow a part: those of a `Sequence`, else the module itself."""
    yield from attention if isinstance(attention, Sequence) else (attention,)


def _create(module: ModuleSource, part: Part, hyperparameters: Mapping[str, Scalar]) -> nn.Module:
    channels, height, width = part.shape or (0, 0, 0)
    return attention.create(module, channels, (height, width), **hyperparameters)


def _sizes(module: nn.Module) -> dict[str, torch.Size]:
    return {name: tensor.shape for name, tensor in (*module.named_parameters(), *module.named_buffers())}


def _put(network: nn.Module, path: str, part: nn.Module) -> None:
    parent, _, name = path.rpartition(".")
    setattr(network.get_submodule(parent), name, part)


def _copy_zero_scale(old: nn.Module, new: nn.Module) -> None:
    """Initialise a norm's scale to zero if that of the replaced norm is zero (GN, section 5.1, for AN's table)."""
    replaced, scale = getattr(old, "weight", None), getattr(new, "weight", None)
    if not isinstance(replaced, nn.Parameter) or not isinstance(scale, nn.Parameter):
        return
    if not replaced.is_meta and not replaced.any():
        nn.init.zeros_(scale)


def measure(network: nn.Module, placement: Placement, size: int) -> dict[str, tuple[int, int, int]]:
    """The parts that a placement matches, in network order, with the (channels, height, width) of their maps."""
    matched = find(trace(network, size), placement, type(network).__name__)
    return {part.path: part.shape for part in matched if part.shape}


def extra_loss(network: nn.Module) -> Tensor | None:
    """The sum of the modules' `extra_loss()`; None if no module has one."""
    methods = [getattr(module, "extra_loss", None) for module in network.modules()]
    terms = [method() for method in methods if callable(method)]
    return torch.stack(terms).sum() if terms else None


def complexity(network: nn.Module, shape: tuple[int, int, int]) -> tuple[int, int]:
    """Exact (parameters, multiply-accumulates of one forward) for an input of `shape` (channels, height, width).

    MACs are torch's own count of convolutions and matrix products, halved; elementwise work is not counted.
    """
    parameters = sum(parameter.numel() for parameter in network.parameters())
    device = next(network.parameters()).device
    # Not inference_mode: tensors that a module keeps from this forward would be of no use in the training.
    with torch.no_grad(), evaluating(network), FlopCounterMode(display=False) as counter:
        network(torch.zeros(1, *shape, device=device))
    return parameters, counter.get_total_flops() // 2
