"""Tracing the parts of a network with one forward of one image."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from math import isqrt

import torch
from torch import Tensor, nn

from attnctl.backbones.places import Part
from attnctl.values import SpecError


def trace(network: nn.Module, size: int) -> list[Part]:
    """The parts of a network in the order in which a forward completes them; the network is left unchanged.

    size: pixels of the square input, of one image, in evaluation mode, on the network's own device ("meta" will do).
    Raises SpecError when it cannot run on such an image.
    """
    kinds = {path: type(module).__name__ for path, module in network.named_modules()}
    prefix = _prefix(network)
    paths = {module: path for path, module in network.named_modules() if path}
    found: dict[str, Part] = {}

    def note(module: nn.Module, _inputs: object, output: object) -> None:
        path = paths[module]
        calls = found[path].calls + 1 if path in found else 1
        parent = path.rpartition(".")[0]
        outer = kinds[parent.rpartition(".")[0]] if parent else ""
        shape, last = _map(output)
        tokens = _grid(output, prefix) if shape is None and prefix is not None else None
        found[path] = Part(
            path, kinds[path], kinds[parent], shape or tokens, last, calls, outer, prefix if tokens else None
        )

    hooks = [module.register_forward_hook(note) for module in paths]
    device = next((parameter.device for parameter in network.parameters()), torch.device("cpu"))
    try:
        with torch.no_grad(), evaluating(network):
            network(torch.zeros(1, 3, size, size, device=device))
    except (RuntimeError, AssertionError) as error:
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


def _prefix(network: nn.Module) -> int | None:
    """How many tokens precede those of the image in a network of tokens; None for any other network."""
    count = getattr(network, "num_prefix_tokens", None)  # timm's
    if isinstance(count, int):
        return count
    return 1 if isinstance(getattr(network, "class_token", None), nn.Parameter) else None


def _grid(output: object, prefix: int) -> tuple[int, int, int] | None:
    """The (channels, height, width) of the square map that tokens (B, N, C) hold after their prefix; None without one.

    A grid of 1x1 does not count: it is what the network has pooled.
    """
    if not isinstance(output, Tensor) or output.dim() != 3:
        return None
    _, count, channels = output.shape
    side = isqrt(max(count - prefix, 0))
    return (channels, side, side) if side > 1 and side * side == count - prefix else None
