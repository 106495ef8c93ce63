"""The accuracy of a trained network as channels are pruned by the size of their scales, without further training.

Norms scale each channel by a gamma that they learn; a penalty on it, such as NAM's (equation 4), makes the network do
without channels. As in Network Slimming (Liu et al., ICCV 2017, section 3), one threshold holds for all layers: the
channels with the smallest |gamma| of the whole network are set to zero first.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor, nn

from attnctl.jobs.data import TrainingData, open_data
from attnctl.jobs.inspect import responses
from attnctl.jobs.inspect.load import Trained
from attnctl.jobs.runtime.group import Group
from attnctl.jobs.tasks import open_task
from attnctl.jobs.tasks.task import Arithmetic
from attnctl.jobs.training.evaluation import evaluate
from attnctl.settings.config import DataRoots
from attnctl.spec import NO_MODULE
from attnctl.values import SpecError

Of = Literal["attention", "norms"]
"""Whose scales: of the norms in the attention modules, such as NAM's gates, or of all other norms of the network."""


@dataclass(frozen=True)
class LayerScales:
    """The scales of one layer. path: of the part whose output channels they scale. values: (C,), float64 on the CPU."""

    path: str
    values: Tensor

    @property
    def layer(self) -> str:
        """The layer's name as users know it."""
        return self.path.replace(".part.", ".")

    def below(self, threshold: float) -> float:
        """The fraction of the scales whose size is below the threshold: the layer's sparsity."""
        return float((self.values.abs() < threshold).double().mean())


def scales(trained: Trained, of: Of) -> list[LayerScales]:
    """The scales of each layer that has one per output channel, in the order of the network.

    Raises SpecError if there are none.
    """
    in_attention = responses.modules(trained) if trained.spec.module != NO_MODULE else []
    if of == "norms":
        outside = (path for path, _ in _norms(trained.network) if not _is_within(path, in_attention))
        found = [LayerScales(path, _size(trained.network.get_submodule(path))) for path in outside]
    else:
        found = list(_of_attention(trained, in_attention))
    if not found:
        where = "its attention" if of == "attention" else "its norms"
        other = "; use --of norms" if of == "attention" else ""
        raise SpecError(f"run {trained.run} ({trained.spec.label()}) has no scale of each channel in {where}{other}")
    return found


def pruned(layers: Iterable[LayerScales], fraction: float) -> dict[str, Tensor]:
    """The channels of each layer that remain, (C,) booleans by path, without this fraction of all channels.

    The channels with the smallest scales go first; of equal ones, those of earlier layers.
    """
    chosen = list(layers)
    sizes = torch.cat([layer.values.abs() for layer in chosen])
    remain = torch.ones(len(sizes), dtype=torch.bool)
    remain[sizes.argsort(stable=True)[: round(fraction * len(sizes))]] = False
    parts = remain.split([len(layer.values) for layer in chosen])
    return {layer.path: part for layer, part in zip(chosen, parts, strict=True)}


class Evaluation:
    """Evaluates one network on the evaluation samples of its run; use as a context manager."""

    def __init__(self, trained: Trained, roots: DataRoots) -> None:
        self._trained, self._roots = trained, roots

    def __enter__(self) -> Evaluation:
        """Open the data. Raises DataError."""
        self._data: TrainingData = open_data(self._trained.spec, self._roots, self._trained.device)
        self._folder = tempfile.TemporaryDirectory()
        return self

    def __exit__(self, *_: object) -> None:
        self._data.close()
        self._folder.cleanup()

    def metric(self, remaining: Mapping[str, Tensor]) -> tuple[str, float]:
        """The name and the value of the task's main metric, with only these channels. Raises RuntimeError."""
        spec, device = self._trained.spec, self._trained.device
        arithmetic = Arithmetic.of(spec.recipe, device)
        task = open_task(spec, self._data, arithmetic, Path(self._folder.name) / "detections")
        with _without(self._trained.network, remaining):
            values = evaluate(task, self._trained.network, self._data, Group(0, 1, device))
        name = next(name for name in task.primary if name in values)
        return name, values[name]


@contextmanager
def _without(network: nn.Module, remaining: Mapping[str, Tensor]) -> Iterator[None]:
    """Set the output channels of these parts to zero unless they remain."""

    def hook(mask: Tensor) -> Any:
        return lambda _module, _inputs, output: output * mask.to(output).view(1, -1, 1, 1)

    handles = [network.get_submodule(path).register_forward_hook(hook(mask)) for path, mask in remaining.items()]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def _norms(network: nn.Module) -> list[tuple[str, nn.Module]]:
    """The norms of feature maps that have a scale for each channel."""
    kinds = (nn.BatchNorm2d, nn.SyncBatchNorm, nn.GroupNorm, nn.InstanceNorm2d)
    return [
        (path, module) for path, module in network.named_modules() if isinstance(module, kinds) and _has_scale(module)
    ]


def _has_scale(module: nn.Module) -> bool:
    return isinstance(module.weight, Tensor)


def _size(module: nn.Module) -> Tensor:
    assert isinstance(module.weight, Tensor)
    return module.weight.detach().double().cpu()


def _is_within(path: str, modules: Iterable[str]) -> bool:
    return any(path == module or path.startswith(f"{module}.") for module in modules)


def _of_attention(trained: Trained, modules: Iterable[str]) -> Iterator[LayerScales]:
    """The scales in each attention module, if one norm in it has as many as its output has channels."""
    for path in modules:
        module = trained.network.get_submodule(path)
        inner = [_size(norm) for _, norm in _norms(module)]
        fitting = [values for values in inner if len(values) == _channels(trained, path)]
        if fitting:
            yield LayerScales(path, fitting[-1])


def _channels(trained: Trained, path: str) -> int:
    """The channels of the map that a part of the network outputs; 0 if it outputs none."""
    inner = path.removeprefix(trained.prefix)
    shape = next((part.shape for part in trained.parts if part.path == inner), None)
    return shape[0] if shape is not None else 0
