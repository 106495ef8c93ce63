"""Building a backbone and listing its parts, in a process that `attnctl.sources.isolated` starts."""

import contextlib
import dataclasses
from pathlib import Path
from typing import Any

import torch
from torch import nn

from attnctl.backbones import table
from attnctl.backbones.build import build, of_run
from attnctl.backbones.places import TracedNetwork
from attnctl.backbones.trace import trace
from attnctl.sources import blame, is_own, isolated, plugins
from attnctl.values import SpecError


def measure(name: str) -> TracedNetwork:
    """The parts of the backbone of that name. Raises SpecError when it cannot be built or run."""
    with contextlib.suppress(Exception), torch.device("meta"):  # shapes only, without memory or arithmetic
        return _measure(name)
    try:
        return _measure(name)  # some networks read values while they are built
    except SpecError:
        raise
    except Exception as error:  # a library's network may raise anything; report it
        function = plugins.function(name)
        called = function.name if function is not None else name
        raise SpecError(f"backbone {called} cannot be built: {blame.describe(error)}") from error


def _measure(name: str) -> TracedNetwork:
    network = build(name, 10)
    if plugins.function(name) is not None:
        return _measure_unknown(network)
    size = input_of(network, name)
    return TracedNetwork(type(network).__name__, size, tuple(trace(network, size)))


def _measure_unknown(network: nn.Module) -> TracedNetwork:
    """Trace the network at the first of some usual input sizes that works; raises the error of the first size."""
    refused: list[Exception] = []
    for size in _USUAL:
        try:
            return TracedNetwork(type(network).__name__, size, tuple(trace(network, size)))
        except (RuntimeError, ValueError, TypeError, AssertionError) as error:  # made for another size, or broken
            refused.append(error)
    raise refused[0]


_USUAL = (224, 32, 64, 8)
"""Pixels of the input: ImageNet's, CIFAR's, Tiny ImageNet's, the digits' own."""


def input_of(network: nn.Module, name: str) -> int:
    """The input side of a network in pixels: from the table, from timm, else ImageNet's."""
    if name in table.names():
        return int(table.read("backbones.toml")[name]["input"])
    config = getattr(network, "pretrained_cfg", None) or {}
    return int(config.get("input_size", (3, 299 if name == "inception_v3" else 224))[-1])


def _answer(request: dict[str, Any], folder: Path) -> dict[str, Any]:
    name = request["name"]
    if is_own(request["version"]):
        name = of_run(name, request["version"], folder / isolated.SOURCES)
    return dataclasses.asdict(measure(name))


if __name__ == "__main__":
    isolated.serve(_answer)
