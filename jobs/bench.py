"""Inference speed of networks, side by side: what `attnctl bench` measures.

All networks are measured in the same rounds, one after the other, so that what slows the machine slows them all; each
figure is the median of the rounds and its spread the half-width of the middle half. On a GPU one forward is captured
in a CUDA graph and replayed, so that launching kernels from Python is no part of it, unless that is asked for.

A detector's forward ends with the boxes in the images' pixels, non-maximum suppression and all; how much of that there
is depends on the images, so no graph holds it and it is run as it is. Untrained networks are sure of nothing: for each,
the least score of a box is lowered to where FOUND boxes of an image remain, so that all have alike to do.
"""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from attnctl.units import quantity

WARM_UP = 3
"""Forwards of a network before the first round."""

_LEAST_SCORES = ("score_thresh", "score")
"""What torchvision's and our detectors call the score from which on a box counts."""

_LOWEST = 1e-9
_HALVINGS = 24
"""Of the logarithm's range from there to 1: until the least score is known to the sixth digit."""

FOUND = 100
"""Boxes of an image that a detector is left with: the most that COCO's evaluation takes."""

LEAST_SECONDS = 0.2
"""A round of one network lasts at least this long: as many forwards as it takes."""


@dataclass(frozen=True)
class Timing:
    """Of one forward of a whole batch, in seconds. spread: half the distance between the quartiles."""

    batch: int
    seconds: float
    spread: float

    @property
    def images_per_s(self) -> float:
        """Images per second."""
        return self.batch / self.seconds


@dataclass(frozen=True, kw_only=True)
class Conditions:
    """How networks are measured.

    shape: (channels, height, width) of an image. detects: the networks are detectors. graph: on a GPU a CUDA graph is
    replayed; else Python launches each kernel, as most published speeds were measured.
    """

    shape: tuple[int, int, int]
    batch: int
    device: torch.device
    precision: torch.dtype = torch.float32
    compile: bool = False
    rounds: int = 7
    detects: bool = False
    graph: bool = True


def measure(networks: Sequence[nn.Module], conditions: Conditions) -> Iterator[list[Timing]]:
    """The timings of the networks, after each round; the last one counts. Raises what torch raises."""
    forwards = [_forward(network, conditions) for network in networks]
    repeats = [_repeats(forward, conditions.device) for forward in forwards]
    seconds: list[list[float]] = [[] for _ in networks]
    for _ in range(conditions.rounds):
        for taken, forward, count in zip(seconds, forwards, repeats, strict=True):
            taken.append(_timed(forward, count, conditions.device) / count)
        yield [_timing(conditions.batch, taken) for taken in seconds]


def device_name(device: torch.device) -> str:
    """The name of a device as a report prints it: the GPU's, or the CPU's with the threads in use."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    with open("/proc/cpuinfo", encoding="utf-8", errors="replace") as lines:  # noqa: PTH123 - a file of the kernel
        model = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "CPU")
    return f"{model}, {quantity(torch.get_num_threads(), 'thread')}"


def _forward(network: nn.Module, conditions: Conditions) -> Callable[[], object]:
    """One forward of the network on a batch that stays on the device, warmed up."""
    device, precision = conditions.device, conditions.precision
    network = network.eval().to(device).to(memory_format=torch.channels_last)
    images = _images(conditions)
    if conditions.detects:
        find_boxes(network, images[0])
    if conditions.compile:
        network.compile()

    @torch.inference_mode()
    def forward() -> object:
        with torch.autocast(device.type, precision, enabled=precision != torch.float32):
            return network(images)

    for _ in range(WARM_UP):
        forward()
    if device.type != "cuda" or conditions.detects or not conditions.graph:
        return forward
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        scores = forward()

    def replay() -> object:
        graph.replay()
        return scores

    return replay


def _images(conditions: Conditions) -> Tensor | list[Tensor]:
    """(B, C, H, W) normalised; for detectors B of (C, H, W) in 0..1."""
    device = conditions.device
    if conditions.detects:
        return list(torch.rand(conditions.batch, *conditions.shape, device=device))
    return torch.randn(conditions.batch, *conditions.shape, device=device).to(memory_format=torch.channels_last)


@torch.inference_mode()
def find_boxes(network: nn.Module, image: Tensor, wanted: int = FOUND) -> float:
    """Lower or raise the least score of a detector's boxes until `wanted` of an image (C, H, W) remain; gives it.

    Where it gives fewer of any score, its least score is 0. The statistics of its batch norms become the image's: as
    they begin, maps fade from layer to layer until all scores are one. Raises ValueError for a network that has none.
    """
    holders = [
        (module, name)
        for module in network.modules()
        for name in _LEAST_SCORES
        if isinstance(getattr(module, name, None), float)
    ]
    if not holders:
        raise ValueError(f"{type(network).__name__} has no least score of its boxes")
    _settle(network, image)

    def enough(least: float) -> bool:
        for module, name in holders:
            setattr(module, name, least)
        return len(network([image])[0]["scores"]) >= wanted

    low, high = _LOWEST, 1.0
    for _ in range(_HALVINGS):
        middle = math.sqrt(low * high)
        low, high = (middle, high) if enough(middle) else (low, middle)
    if not enough(low):
        low = 0.0
        enough(low)
    return low


def _settle(network: nn.Module, image: Tensor) -> None:
    norms = [(module, module.momentum) for module in network.modules() if isinstance(module, nn.BatchNorm2d)]
    for norm, _ in norms:
        norm.train()
        norm.momentum = 1.0
    network([image, image.flip(-1)])  # two, since maps of one value have no variance
    for norm, momentum in norms:
        norm.eval()
        norm.momentum = momentum


def _repeats(forward: Callable[[], object], device: torch.device) -> int:
    return max(1, round(LEAST_SECONDS / _timed(forward, 1, device)))


def _timed(forward: Callable[[], object], count: int, device: torch.device) -> float:
    _wait(device)
    started = time.perf_counter()
    for _ in range(count):
        forward()
    _wait(device)
    return time.perf_counter() - started


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def _timing(batch: int, taken: Sequence[float]) -> Timing:
    if len(taken) == 1:
        return Timing(batch, taken[0], 0.0)
    low, middle, high = statistics.quantiles(taken, n=4, method="inclusive")
    return Timing(batch, middle, (high - low) / 2)
