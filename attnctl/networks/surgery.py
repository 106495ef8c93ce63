"""Inserting attention modules into a network at named placements, without rewriting the network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from attnctl import attention, backbones, datasets, models
from attnctl.backbones.places import Part, Placement, check_fit, find
from attnctl.backbones.trace import evaluating, trace
from attnctl.sources.signature import ModuleSource
from attnctl.spec import DEFAULT, NO_MODULE, RunSpec
from attnctl.values import Scalar, SpecError


class Attended(nn.Module):
    """A part of a network followed by an attention module. channels_last: the part's map is (B, H, W, C)."""

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
    backbone = backbones.of_run(spec.backbone, spec.versions.backbone, stored)
    attended = None
    if spec.module != NO_MODULE:
        module = attention.of_run(spec.module, spec.versions.module, stored)
        placement = models.placement(spec.model, backbone, spec.placement)
        # neutral: the value in runs from before the hyperparameter existed
        attended = Attention(module, placement, {**module.neutral, **dict(spec.hyperparameters)})
    return _network_of_run(spec, backbone, datasets.describe(spec.dataset).classes, attended)


def build_plain(spec: RunSpec, stored: Path | None = None, *, more_classes: int = 0) -> nn.Module:
    """Build a run's network without attention, randomly initialised. more_classes: beyond those of the data set.

    stored: as for `build`. Raises SpecError.
    """
    backbone = backbones.of_run(spec.backbone, spec.versions.backbone, stored)
    return _network_of_run(spec, backbone, datasets.describe(spec.dataset).classes + more_classes, None)


def _network_of_run(spec: RunSpec, backbone: str, classes: int, attended: Attention | None) -> nn.Module:
    if not spec.model:
        size = spec.recipe.input_size or datasets.describe(spec.dataset).height
        return network_of(backbone, classes, attended, size=size)
    norms = "batch" if spec.recipe.norms == "sync" else spec.recipe.norms  # the loop makes them sync
    size = spec.recipe.input_size
    network = network_of(backbone, classes, attended, model=spec.model, norms=norms, size=size)
    if spec.recipe.short_sides() or spec.recipe.max_size:
        from attnctl.models.scales import rescale

        rescale(network, spec.recipe.short_sides(), spec.recipe.max_size)
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
    backbone: str, classes: int, attended: Attention | None, *, size: int, model: str = "", norms: str = DEFAULT
) -> nn.Module:
    """A backbone with attention, inside its model if there is one; raises SpecError.

    size: side of the square input in pixels; with a model, size and norms are as for `models.build`.
    """
    network = backbones.build(backbone, classes)
    if not model:
        _attend(network, attended, size)
        return network
    own = attended is not None and models.is_own(model, attended.placement.label)
    if not own:
        _attend(network, attended, backbones.describe(backbone).input)
    network = models.build(model, network, classes, norms=norms, size=size)
    if own and attended is not None:
        channels = models.channels_by_path(model, backbone, attended.placement.label)
        parts = [Part(path, *_kinds(network, path), (count, 0, 0)) for path, count in channels.items()]
        _insert(network, attended.module, attended.placement, attended.hyperparameters, parts)
    return network


def _kinds(network: nn.Module, path: str) -> tuple[str, str]:
    """The class of a part, and the class of its enclosing module."""
    return type(network.get_submodule(path)).__name__, type(network.get_submodule(path.rpartition(".")[0])).__name__


def _attend(network: nn.Module, attended: Attention | None, size: int) -> None:
    if attended is not None:
        insert(network, attended.module, attended.placement, attended.hyperparameters, size)


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

    placement: a name, or a pattern such as `layer*.?.bn3` or `replace:layer*.*.bn2`. backbone: the backbone whose
    placements are used; default: those of the family of the network's class. size: side of its square input in pixels;
    default: the backbone's, or 224. Raises SpecError.
    """
    if backbone is not None:
        resolved, size = backbones.placement(backbone, placement), size or backbones.describe(backbone).input
    else:
        size = size or 224
        resolved = backbones.placement_in(type(network).__name__, trace(network, size), size, placement)
    insert(network, name, resolved, hyperparameters, size)
    return network


def insert(
    network: nn.Module, name: str | ModuleSource, placement: Placement, hyperparameters: Mapping[str, Scalar], size: int
) -> None:
    """Insert a module after each matching part, or replace it; raises SpecError if none matches or it does not fit.

    name: of a module, or a result of `attention.describe`. size: side in pixels of the square input with which the maps
    are measured.
    """
    _insert(
        network,
        attention.describe(name) if isinstance(name, str) else name,
        placement,
        hyperparameters,
        trace(network, size),
    )


def _insert(
    network: nn.Module,
    module: ModuleSource,
    placement: Placement,
    hyperparameters: Mapping[str, Scalar],
    parts: Sequence[Part],
) -> None:
    """Like `insert`, for a network whose parts are known."""
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
        old = network.get_submodule(part.path)
        if placement.replaces:
            _copy_zero_scale(old, created[part.path])
            new = created[part.path]
        else:
            new = Attended(old, created[part.path], part.last)
        _put(network, part.path, new)
    for sharing, source in placement.again.items():
        _put(network, sharing, Attended(network.get_submodule(sharing), created[source], by_path[sharing].last))


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
    with torch.inference_mode(), evaluating(network), FlopCounterMode(display=False) as counter:
        network(torch.zeros(1, *shape, device=device))
    return parameters, counter.get_total_flops() // 2
