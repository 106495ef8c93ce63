"""How layers and attention modules respond to images: the values behind histograms by class."""

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
"""Of each image all values of one layer, in no order."""

_SHUFFLES = frozenset({"sa"})
"""Modules whose channels come out in another order, so that none can be held against what it was."""


def of_layers(trained: Trained, pictures: Sequence[Picture], paths: Sequence[str]) -> dict[str, Values]:
    """The responses of layers: all values of their maps (AN, figure 2). Raises SpecError."""
    seen = _seen(trained, pictures, paths, lambda _module, _inputs, output: output.flatten(1))
    return {path: _by_image(values) for path, values in seen.items()}


def of_attention(trained: Trained, pictures: Sequence[Picture], paths: Sequence[str]) -> dict[str, Values]:
    """What attention modules do: AN's mixture weights, (K); of others the gain of each channel, (C). Raises SpecError.

    The gain of a channel is the response after the module over that before it, each position weighted by its energy:
    of a gate for channels that gate, of a gate for positions its mean where the channel responds, and NaN where it does
    not respond at all.
    """
    weights = {path: _weights_of(trained.network.get_submodule(path)) for path in paths}
    mixing = [f"{path}.{name}" for path, name in weights.items() if name]
    gating = [path for path, name in weights.items() if not name]
    if gating and trained.spec.module in _SHUFFLES:
        raise SpecError(f"{trained.spec.module} gives its channels in another order, so that no gate can be told")
    if gating and _is_norm(trained):
        raise SpecError(f"{trained.spec.module} is a norm without gates; --of responses draws what its layers give")
    seen = _seen(trained, pictures, gating, _gain)
    mixed = _seen(trained, pictures, mixing, lambda _module, _inputs, output: output.flatten(1))
    found = seen | {path.rpartition(".")[0]: values for path, values in mixed.items()}
    return {path: _by_image(found[path]) for path in paths}


def modules(trained: Trained) -> list[str]:
    """The paths of the attention modules, in the order of the network; raises SpecError when it has none."""
    spec = trained.spec
    if spec.module == NO_MODULE:
        raise SpecError(f"run {trained.run} has no attention; --of responses draws what its layers give")
    source = attention.of_run(spec.module, spec.versions.module, trained.sources)
    kind = getattr(import_module(source.import_name), source.class_name)
    return [path for path, module in trained.network.named_modules() if isinstance(module, kind)]


def module_at(trained: Trained, layer: str) -> str:
    """The attention module that is a layer, or the last one within it; raises SpecError. layer: as a user names it."""
    known = modules(trained)
    plain = {path: path.replace(".part.", ".") for path in known}
    found = [path for path in known if layer in (path, plain[path]) or plain[path].startswith(f"{layer}.")]
    if not found:
        raise SpecError(f"run {trained.run} has no attention at {layer!r}; it has it at {comma_join(known[:40])}")
    return found[-1]


def _seen(
    trained: Trained, pictures: Sequence[Picture], paths: Sequence[str], take: Callable[[Any, Any, Any], Tensor]
) -> dict[str, Tensor]:
    """What `take` finds in the inputs and the output of each of these parts, (images, values), on the CPU."""
    if trained.spec.model:
        raise SpecError(f"run {trained.run} is not a classifier; use attnctl cam")
    found: dict[str, list[Tensor]] = {path: [] for path in paths}

    def hook(path: str) -> Callable[[nn.Module, Any, Any], None]:
        def keep(module: nn.Module, inputs: Any, output: Any) -> None:
            found[path].append(take(module, inputs, output).float().cpu())

        return keep

    hooks = [trained.network.get_submodule(path).register_forward_hook(hook(path)) for path in paths]
    try:
        with torch.inference_mode():
            for picture in pictures if paths else ():
                trained.network(batch([picture], trained.spec, trained.device))
    except Exception as error:  # whatever a user's own module raises is the answer
        raise SpecError(f"run {trained.run} cannot be run: {blame.describe(error)}") from error
    finally:
        for handle in hooks:
            handle.remove()
    # a module that is applied at two places of the network gives the values of both
    return {path: torch.cat(tensors).reshape(len(pictures), -1) for path, tensors in found.items()}


def _gain(_module: object, inputs: Any, output: Any) -> Tensor:
    """(1, C): sum of output x input over sum of input squared; NaN where the channel does not respond."""
    before = inputs[0].double()
    energy = before.square().sum((2, 3))
    gain: Tensor = (output.double() * before).sum((2, 3)) / energy.masked_fill(energy == 0, torch.nan)
    return gain


def _weights_of(module: nn.Module) -> str:
    """The name of the part that gives a mixture's weights; empty when it has none."""
    return "weights" if isinstance(getattr(module, "weights", None), nn.Module) else ""


def _is_norm(trained: Trained) -> bool:
    return bool(attention.of_run(trained.spec.module, trained.spec.versions.module, trained.sources).replaces)


def _by_image(values: Tensor) -> Values:
    return list(values.numpy())
