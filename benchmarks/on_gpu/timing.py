"""Timing on a GPU by CUDA events, on a CPU by the clock: repetitions, their median and their spread."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence
from typing import Any

import torch


def seconds(run: Callable[[int], object], steps: int, device: torch.device) -> float:
    """Seconds that `run(steps)` takes, until the device has finished."""
    if device.type != "cuda":
        started = time.perf_counter()
        run(steps)
        return time.perf_counter() - started
    event: Any = torch.cuda.Event
    begin, end = event(enable_timing=True), event(enable_timing=True)
    begin.record()
    run(steps)
    end.record()
    end.synchronize()
    return float(begin.elapsed_time(end)) / 1000


def repeated(
    run: Callable[[int], object],
    device: torch.device,
    *,
    repetitions: int,
    at_least: float,
    agree: Callable[[int], int] = lambda steps: steps,
) -> list[float]:
    """Seconds per step of each repetition.

    at_least: seconds that a repetition lasts, in whole steps. agree: makes all ranks take rank 0's number of steps.
    """
    steps = agree(max(1, round(at_least / max(seconds(run, 1, device), 1e-6))))
    return [seconds(run, steps, device) / steps for _ in range(repetitions)]


def median_and_spread(times: Sequence[float]) -> tuple[float, float]:
    """The median, and half the distance between the quartiles as a fraction of it."""
    middle = statistics.median(times)
    if len(times) < 2:
        return middle, 0.0
    low, _, high = statistics.quantiles(times, n=4, method="inclusive")
    return middle, (high - low) / 2 / middle
