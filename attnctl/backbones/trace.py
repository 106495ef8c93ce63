"""Tracing the parts of a network with one forward of one image."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from attnctl.backbones.places import Part
from attnctl.values import SpecError


def trace(network: nn.Module, size: int) -> list[Part]:
    """The parts of a network in the order in which a forward completes them; the network is left unchanged.

    size: pixels of the square input, of one image, in evaluation mode, on the network's own device ("meta" will do).
    Raises SpecError when it cannot run on such an image.
    """
    parents = {
        path: type(network.get_submodule(path.rpartition(".")[0])).__name__ for path, _ in network.named_modules()
    }
    paths = {module: path for path, module in network.named_modules() if path}
    found: dict[str, Part] = {}

    def note(module: nn.Module, _inputs: object, output: object) -> None:
        path = paths[module]
        calls = found[path].calls + 1 if path in found else 1
        found[path] = Part(path, type(module).__name__, parents[path], *_map(output), calls)

    hooks = [module.register_forward_hook(note) for module in paths]
    device = next((parameter.device for parameter in network.parameters()), torch.device("cpu"))
    try:
        with torch.no_grad(), evaluating(network):
            network(torch.zeros(1, 3, size, size, device=device))
    except RuntimeError as error:
        raise SpecError(f"{type(network).__name__} cannot run on an image of {size}x{size}: {error}") from error
    finally:
        for hook in hooks:
            hook.remove()
    return list(found.values())


@contextmanager
def evaluating(network: nn.Module) -> Iterator[None]:
    """The network in evaluation mode; after it each of its modules is in the mode that it was in."""
    training = {module: module.training for module in network.modules()}
    network.eval()
    try:
        yield
    finally:
        for module, mode in training.items():
            module.training = mode


def _map(output: object) -> tuple[tuple[int, int, int] | None, bool]:
    """The (channels, height, width) of a map and whether its channels are last; the input was square, so maps are."""
    if not isinstance(output, Tensor) or output.dim() != 4:
        return None, False
    _, first, second, third = output.shape
    if second == third:
        return (first, second, third), False
    return ((third, first, second), True) if first == second else (None, False)
