"""Measures the inference speed of several networks side by side, for `attnctl bench`.

All networks are measured in turn in each round, so that a slow moment of the machine affects all of them. The reported
time is the median over the rounds; its spread is half the interquartile range. On a GPU one forward is captured in a
CUDA graph and replayed, so that launching kernels from Python does not count, unless Conditions.graph is False.

A detector's forward includes non-maximum suppression and the conversion of boxes to pixels. The cost of that depends on
the images, so detectors run without a CUDA graph. An untrained detector has no confident boxes: its score threshold is
lowered until KEPT_BOXES boxes per image remain, so that all detectors have the same amount of work.
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
"""Forwards of each network before the first round."""

_THRESHOLD_NAMES = ("score_thresh", "score")
"""Attributes in which torchvision's and our detectors hold the score threshold of a box."""

_LOWEST = 1e-9
_BISECTIONS = 24
"""Bisections of the logarithmic range from _LOWEST to 1: they determine the threshold to six digits."""

KEPT_BOXES = 100
"""Boxes per image that a detector keeps: the most that COCO's evaluation uses."""

MIN_SECONDS = 0.2
"""The minimum duration of one network's part of a round; the forward is repeated as often as that takes."""


@dataclass(frozen=True)
class Timing:
    """Time of one forward of a batch. seconds: the median; spread: half the interquartile range, in seconds."""

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

    shape: (channels, height, width) of an image. detects: the networks are detectors. graph: on a GPU, replay a CUDA
    graph; otherwise Python launches each kernel, as for most published speeds.
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
    """Yield the timings of all networks after each round; the last ones are final. Raises what torch raises."""
    forwards = [_forward(network, conditions) for network in networks]
    repeats = [_repeats(forward, conditions.device) for forward in forwards]
    seconds: list[list[float]] = [[] for _ in networks]
    for _ in range(conditions.rounds):
        for durations, forward, count in zip(seconds, forwards, repeats, strict=True):
            durations.append(_timed(forward, count, conditions.device) / count)
        yield [_timing(conditions.batch, durations) for durations in seconds]


def device_name(device: torch.device) -> str:
    """The name of a device for a report: the GPU's, or the CPU's with its number of threads."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    with open("/proc/cpuinfo", encoding="utf-8", errors="replace") as lines:  # noqa: PTH123 - a file of the kernel
        model = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "CPU")
    return f"{model}, {quantity(torch.get_num_threads(), 'thread')}"


def _forward(network: nn.Module, conditions: Conditions) -> Callable[[], object]:
    """A function that runs one forward on a batch that is already on the device; it has been warmed up."""
    device, precision = conditions.device, conditions.precision
    network = network.eval().to(device).to(memory_format=torch.channels_last)
    images = _images(conditions)
    if conditions.detects:
        calibrate_threshold(network, images[0])
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
    """(B, C, H, W), normalised; for detectors a list of B images (C, H, W) in 0..1."""
    device = conditions.device
    if conditions.detects:
        return list(torch.rand(conditions.batch, *conditions.shape, device=device))
    return torch.randn(conditions.batch, *conditions.shape, device=device).to(memory_format=torch.channels_last)


@torch.inference_mode()
def calibrate_threshold(network: nn.Module, image: Tensor, wanted: int = KEPT_BOXES) -> float:
    """Set a detector's score threshold so that `wanted` boxes of an image (C, H, W) remain; returns the threshold.

    It is 0 if the detector returns fewer boxes at any threshold. The statistics of the batch norms are set to the
    image's: with their initial values, activations vanish from layer to layer until all scores are equal. Raises
    ValueError for a network without a score threshold.
    """
    holders = [
        (module, name)
        for module in network.modules()
        for name in _THRESHOLD_NAMES
        if isinstance(getattr(module, name, None), float)
    ]
    if not holders:
        raise ValueError(f"{type(network).__name__} has no score threshold")
    _set_norm_statistics(network, image)

    def enough(threshold: float) -> bool:
        for module, name in holders:
            setattr(module, name, threshold)
        return len(network([image])[0]["scores"]) >= wanted

    low, high = _LOWEST, 1.0
    for _ in range(_BISECTIONS):
        middle = math.sqrt(low * high)
        low, high = (middle, high) if enough(middle) else (low, middle)
    if not enough(low):
        low = 0.0
        enough(low)
    return low


def _set_norm_statistics(network: nn.Module, image: Tensor) -> None:
    norms = [(module, module.momentum) for module in network.modules() if isinstance(module, nn.BatchNorm2d)]
    for norm, _ in norms:
        norm.train()
        norm.momentum = 1.0
    network([image, image.flip(-1)])  # two images, since a 1x1 map of a single image has no variance
    for norm, momentum in norms:
        norm.eval()
        norm.momentum = momentum


def _repeats(forward: Callable[[], object], device: torch.device) -> int:
    return max(1, round(MIN_SECONDS / _timed(forward, 1, device)))


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


def _timing(batch: int, durations: Sequence[float]) -> Timing:
    if len(durations) == 1:
        return Timing(batch, durations[0], 0.0)
    low, middle, high = statistics.quantiles(durations, n=4, method="inclusive")
    return Timing(batch, middle, (high - low) / 2)
