"""One forward for several virtual replicas: their images go through the network as one batch.

What couples the samples of a batch still treats each replica alone: batch norms compute their statistics per replica.
What draws random numbers (dropout, drop path) draws each replica's own, as in a forward of its own. So the results are
those of separate forwards up to rounding, in fewer and larger operations.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.dropout import _DropoutNd

_DRAWING = {
    "torchvision.ops.stochastic_depth.StochasticDepth",
    "timm.layers.drop.DropPath",
    "timm.layers.drop.DropBlock2d",
}
"""Modules that draw random numbers, besides torch's dropout and hooks whose `draws` is true."""


@dataclass
class _Forward:
    """The joint forward in progress. states: of the generators, for each replica; empty if nothing draws.

    tracks: the first replica updates running statistics; no other ever does.
    """

    count: int
    tracks: bool
    states: list[list[Tensor]]
    generators: list[torch.Generator]
    inside: bool = False
    """A part runs for one replica: what it calls must not be divided again."""


_current: _Forward | None = None


def per_replica(function: Callable[..., Tensor], *inputs: Any, draws: bool, norms: Sequence[nn.Module] = ()) -> Tensor:
    """Apply a function of a batch to each replica's part of it; to the whole batch outside of a joint forward.

    draws: it draws random numbers. norms: the modules that it calls whose running statistics the first replica updates.
    """
    forward = _current
    if forward is None or forward.inside:
        return function(*inputs)
    forward.inside = True
    before = _states(forward.generators) if draws else []
    try:
        found = [
            _of_replica(forward, replica, function, part, draws, norms)
            for replica, part in enumerate(_parts(inputs, forward.count))
        ]
    finally:
        forward.inside = False
        if draws:
            _set(forward.generators, before)
    return torch.cat(found)


def _of_replica(
    forward: _Forward,
    replica: int,
    function: Callable[..., Tensor],
    inputs: Sequence[Any],
    draws: bool,
    norms: Sequence[nn.Module],
) -> Tensor:
    if draws:
        _set(forward.generators, forward.states[replica])
    tracks = forward.tracks and replica == 0
    for norm in norms if not tracks else ():
        norm.track_running_stats = False  # type: ignore[assignment]
    found = function(*inputs)
    for norm in norms if not tracks else ():
        norm.track_running_stats = True  # type: ignore[assignment]
    if draws:
        forward.states[replica] = _states(forward.generators)
    return found


def _parts(inputs: Sequence[Any], count: int) -> list[list[Any]]:
    """The inputs of each replica: tensors with a batch are divided, others are the same for all."""
    batch = inputs[0]
    divided = [
        item.chunk(count)
        if isinstance(item, Tensor) and item.ndim == batch.ndim and len(item) == len(batch)
        else [item] * count
        for item in inputs
    ]
    return [list(part) for part in zip(*divided, strict=True)]


def _states(generators: Sequence[torch.Generator]) -> list[Tensor]:
    return [generator.get_state() for generator in generators]


def _set(generators: Sequence[torch.Generator], states: Sequence[Tensor]) -> None:
    for generator, state in zip(generators, states, strict=True):
        generator.set_state(state)


class _Part:
    """The `forward` of a module that treats each replica alone."""

    def __init__(self, module: nn.Module) -> None:
        self.module, self._forward, self._draws = module, module.forward, _draws(module)
        self._norms = [each for each in module.modules() if getattr(each, "track_running_stats", False) is True]

    def __call__(self, *inputs: Any) -> Tensor:
        return per_replica(self._forward, *inputs, draws=self._draws, norms=self._norms)


class JointForward:
    """Runs several replicas of a network as one forward."""

    def __init__(self, network: nn.Module, device: torch.device) -> None:
        self._parts = [_Part(module) for module in network.modules() if _couples(module) or _draws(module)]
        self._draws = any(_draws(module) or _has_drawing_hook(module) for module in network.modules())
        self._generators = [torch.default_generator]
        if device.type == "cuda":
            number = torch.cuda.current_device() if device.index is None else device.index
            self._generators.append(torch.cuda.default_generators[number])

    @contextmanager
    def of(self, replicas: range, seed: Callable[[int], None]) -> Iterator[None]:
        """Inside the block, a forward of the network is that of these replicas, in their order.

        seed: seeds the generators for a replica. Running statistics must be tracked.
        """
        global _current
        states: list[list[Tensor]] = []
        for replica in reversed(replicas) if self._draws else replicas[:1]:
            seed(replica)
            states.insert(0, _states(self._generators))
        for part in self._parts:
            part.module.__dict__["forward"] = part
        _current = _Forward(len(replicas), replicas[0] == 0, states, self._generators)
        try:
            yield
        finally:
            _current = None
            for part in self._parts:
                del part.module.__dict__["forward"]


def _couples(module: nn.Module) -> bool:
    """Whether it computes with statistics of the batch."""
    return isinstance(module, _BatchNorm) or getattr(module, "track_running_stats", False) is True


def _draws(module: nn.Module) -> bool:
    kind = type(module)
    return isinstance(module, _DropoutNd) or f"{kind.__module__}.{kind.__qualname__}" in _DRAWING


def _has_drawing_hook(module: nn.Module) -> bool:
    return any(getattr(hook, "draws", False) for hook in module._forward_hooks.values())
