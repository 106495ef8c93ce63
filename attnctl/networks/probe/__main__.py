"""The probe's process, started by `attnctl.sources.isolated`."""

from __future__ import annotations

from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from attnctl import attention, datasets
from attnctl.networks import surgery
from attnctl.networks.probe import recipe
from attnctl.sources import blame, isolated
from attnctl.spec import DEFAULT, RunSpec
from attnctl.values import SpecError, comma_join

_IMAGES = 2
_SMALL = 128
"""The side in pixels of the images for detectors."""


def answer(request: dict[str, Any], folder: Path) -> dict[str, str]:
    """Probe each network of the request; return error messages by key."""
    problems = {}
    for key, document in request.items():
        try:
            probe(RunSpec.from_json(document), folder / isolated.SOURCES)
        except SpecError as error:
            problems[key] = str(error)
        except Exception as error:  # users' code may raise anything; report it
            problems[key] = blame.describe(error)
    return problems


def probe(spec: RunSpec, stored: Path) -> None:
    """Build the network of a run, try its recipe, and run it on random images; raises SpecError or any user's error.

    A detector is run in evaluation mode, because training would need images with objects.
    stored: the folder of users' files
    """
    torch.manual_seed(0)
    if spec.model:
        spec = replace(spec, recipe=replace(spec.recipe, input_size=_SMALL, min_sizes=DEFAULT, max_size=0))
    network = surgery.build(spec, stored)
    recipe.probe(spec)
    names = _named(network)
    dataset = datasets.describe(spec.dataset)
    size = spec.recipe.input_size or dataset.height
    images = torch.randn(_IMAGES, dataset.channels, size, size)
    for part in spec.components:
        kind = _class_of(part, stored)
        for module in network.modules():
            if isinstance(module, kind):
                module.register_forward_hook(_watch(part.module))
    if spec.model:
        with torch.no_grad():
            network.eval()(images)
        _check_same_state(network, names)
        _check_penalty(network)
        return
    logits = network.train()(images)
    _check_same_state(network, names)
    if not isinstance(logits, Tensor) or logits.shape != (_IMAGES, dataset.classes):
        raise SpecError(
            f"backbone {spec.backbone} gives {_shape(logits)} for {_IMAGES} images; "
            f"it must be logits {(_IMAGES, dataset.classes)}"
        )
    if not bool(logits.isfinite().all()):
        raise SpecError(f"{spec.backbone} with {spec.module} gives NaN or infinite logits on random images")
    _check_penalty(network)


def _named(network: nn.Module) -> frozenset[str]:
    """The names of the parameters and buffers; raises SpecError for those that get their shape in the first forward."""
    state = network.state_dict(keep_vars=True)
    lazy = next((name for name, value in state.items() if is_lazy(value)), None)
    if lazy is not None:
        raise SpecError(
            f"{_owner(network, lazy)} has parameters without a shape until its first forward: {lazy}; give their sizes "
            f"in __init__ ({_MAP_SIZE})"
        )
    return frozenset(state)


_MAP_SIZE = "a parameter `map_size` after `channels` tells the size of the maps"


def _check_same_state(network: nn.Module, names: frozenset[str]) -> None:
    """Raise SpecError if the forward has made parameters or buffers: they would be neither trained nor resumed."""
    made = [name for name in network.state_dict() if name not in names]
    if made:
        raise SpecError(
            f"{_owner(network, made[0])} makes parameters or buffers in its forward: {comma_join(made[:3])}; make them "
            f"in __init__ ({_MAP_SIZE})"
        )


def _owner(network: nn.Module, name: str) -> str:
    return type(network.get_submodule(name.rpartition(".")[0])).__name__


def _class_of(spec: RunSpec, stored: Path) -> type:
    source = attention.of_run(spec.module, spec.versions.module, stored)
    module_class: type = getattr(import_module(source.import_name), source.class_name)
    return module_class


def _watch(name: str):  # type: ignore[no-untyped-def] # a hook of torch, which has no name for its type
    """A hook that compares a module's output with its input."""

    def hook(_module: nn.Module, inputs: tuple[Tensor, ...], output: object) -> None:
        shape = tuple(inputs[0].shape)
        if not isinstance(output, Tensor) or tuple(output.shape) != shape:
            raise SpecError(f"{name} gives {_shape(output)} for a map {shape}; it must keep the input's shape")
        if not bool(output.isfinite().all()):
            raise SpecError(f"{name} gives NaN or infinite values for a random map {shape}")

    return hook


def _shape(value: object) -> str:
    return str(tuple(value.shape)) if isinstance(value, Tensor) else f"a {type(value).__name__}"


def _check_penalty(network: nn.Module) -> None:
    for module in network.modules():
        method = getattr(module, "extra_loss", None)
        if callable(method):
            loss = method()
            if not isinstance(loss, Tensor) or loss.dim() or not bool(loss.isfinite()):
                raise SpecError(
                    f"extra_loss() of {type(module).__name__} gives {_shape(loss)}; "
                    "it must be one finite number, a tensor without dimensions"
                )


if __name__ == "__main__":
    isolated.serve(answer)
