"""The responses of layers and attention modules to images: the values for histograms by class."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib import import_module
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from attnctl import attention
from attnctl.jobs.inspect.load import Trained
from attnctl.jobs.inspect.pictures import Picture, batch
from attnctl.sources import blame
from attnctl.spec import NO_MODULE
from attnctl.values import SpecError, comma_join

Values = list[npt.NDArray[np.float32]]
"""For each image, all values of one layer, in no particular order."""

_SHUFFLES = frozenset({"sa"})
"""Modules that permute the channels, so that a channel cannot be compared with the one at the input."""


def of_layers(trained: Trained, pictures: Sequence[Picture], paths: Sequence[str]) -> dict[str, Values]:
    """The responses of layers: all values of their maps (AN, figure 2). Raises SpecError."""
    values = _record(trained, pictures, paths, lambda _module, _inputs, output: output.flatten(1))
    return {path: _by_image(tensor) for path, tensor in values.items()}


def of_attention(trained: Trained, pictures: Sequence[Picture], paths: Sequence[str]) -> dict[str, Values]:
    """The effect of attention modules: AN's mixture weights, (K); for others the gain of each channel, (C).

    The gain of a channel is the ratio of the response after the module to that before it, with positions weighted by
    their energy. For a channel gate it is the gate, for a position gate its mean where the channel responds, and NaN if
    the channel does not respond at all. Raises SpecError.
    """
    weights = {path: _weights_name(trained.network.get_submodule(path)) for path in paths}
    mixing = [f"{path}.{name}" for path, name in weights.items() if name]
    gating = [path for path, name in weights.items() if not name]
    for part, kind, replaces in _kinds(trained):
        if not any(isinstance(trained.network.get_submodule(path), kind) for path in gating):
            continue
        if part in _SHUFFLES:
            raise SpecError(f"{part} permutes its channels, so its gates cannot be measured")
        if replaces:
            raise SpecError(f"{part} is a norm without gates; use --of responses")
    gains = _record(trained, pictures, gating, _gain)
    mixtures = _record(trained, pictures, mixing, lambda _module, _inputs, output: output.flatten(1))
    values = gains | {path.rpartition(".")[0]: tensor for path, tensor in mixtures.items()}
    return {path: _by_image(values[path]) for path in paths}


def modules(trained: Trained) -> list[str]:
    """The paths of the attention modules, in the order of the network; raises SpecError if it has none."""
    if trained.spec.module == NO_MODULE:
        raise SpecError(f"run {trained.run} has no attention; use --of responses")
    kinds = tuple(kind for _, kind, _ in _kinds(trained))
    return [path for path, module in trained.network.named_modules() if isinstance(module, kinds)]


def _kinds(trained: Trained) -> list[tuple[str, type[nn.Module], bool]]:
    """The name and the class of each of a run's modules, and whether it replaces norms."""
    parts = [
        (part, attention.of_run(part.module, part.versions.module, trained.sources)) for part in trained.spec.components
    ]
    return [
        (part.module, getattr(import_module(source.import_name), source.class_name), source.replaces)
        for part, source in parts
    ]


def module_at(trained: Trained, layer: str) -> str:
    """The attention module that is a layer, or the last one inside it; raises SpecError. layer: the user's name."""
    paths = modules(trained)
    plain = {path: path.replace(".part.", ".") for path in paths}
    matches = [path for path in paths if layer in (path, plain[path]) or plain[path].startswith(f"{layer}.")]
    if not matches:
        raise SpecError(
            f"run {trained.run} has no attention at {layer!r}; it has attention at {comma_join(paths[:40])}"
        )
    return matches[-1]


def _record(
    trained: Trained, pictures: Sequence[Picture], paths: Sequence[str], take: Callable[[Any, Any, Any], Tensor]
) -> dict[str, Tensor]:
    """Call `take` with the inputs and the output of these parts; returns (images, values) on the CPU for each."""
    if trained.spec.model:
        raise SpecError(f"run {trained.run} is not a classifier, so its images have no single class; use attnctl cam")
    recorded: dict[str, list[Tensor]] = {path: [] for path in paths}

    def hook(path: str) -> Callable[[nn.Module, Any, Any], None]:
        def keep(module: nn.Module, inputs: Any, output: Any) -> None:
            recorded[path].append(take(module, inputs, output).float().cpu())

        return keep

    hooks = [trained.network.get_submodule(path).register_forward_hook(hook(path)) for path in paths]
    try:
        with torch.inference_mode():
            for picture in pictures if paths else ():
                trained.network(batch([picture], trained.spec, trained.device))
    except Exception as error:  # any error of a user's own module
        raise SpecError(f"the network of run {trained.run} fails: {blame.describe(error)}") from error
    finally:
        for handle in hooks:
            handle.remove()
    # A module that is used at two places of the network contributes the values of both.
    return {path: torch.cat(tensors).reshape(len(pictures), -1) for path, tensors in recorded.items()}


def _gain(_module: object, inputs: Any, output: Any) -> Tensor:
    """(1, C): sum of output x input over sum of squared input; NaN if the channel does not respond."""
    before = inputs[0].double()
    energy = before.square().sum((2, 3))
    gain: Tensor = (output.double() * before).sum((2, 3)) / energy.masked_fill(energy == 0, torch.nan)
    return gain


def _weights_name(module: nn.Module) -> str:
    """The name of the submodule that computes a mixture's weights; empty if there is none."""
    return "weights" if isinstance(getattr(module, "weights", None), nn.Module) else ""


def _by_image(values: Tensor) -> Values:
    return list(values.numpy())
