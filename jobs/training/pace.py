"""The pace of a training: how often the ranks agree, when to save or stop, and how fast the steps are."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeVar

from attnctl.jobs.runtime.clock import RunningClock

T = TypeVar("T")

INTERVAL = 0.4
"""Seconds between agreements. One takes 0.1 to 0.4 ms on the CPU, so less than 0.1 %; a signal waits less than 1 s."""


class Cadence:
    """Proposes the number of steps until the next agreement, from the duration of the last ones."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._steps = 1
        self._last: tuple[int, float] | None = None

    def propose(self, step: int) -> int:
        """Steps from `step` to the next agreement, at least 1 and at most twice the last proposal."""
        now = self._now()
        if self._last is not None and step > self._last[0]:
            per_step = (now - self._last[1]) / (step - self._last[0])
            self._steps = max(1, min(2 * self._steps, int(INTERVAL / max(per_step, 1e-6))))
        self._last = (step, now)
        return self._steps


class TimeLimitMargin:
    """How long before the job's time limit the training must stop so that it can still save.

    Where SLURM sends a signal before the limit, it comes earlier than that; some clusters send only SIGTERM at the end.
    """

    _MINIMUM = 15.0  # seconds: clocks differ, and SLURM checks time limits only periodically

    def __init__(self, clock: RunningClock) -> None:
        self._clock = clock
        self._slowest_save = 0.0
        self._slowest_lap = 0.0
        self._last: float | None = None

    def saved(self, seconds: float) -> None:
        """Note that saving a checkpoint took this long."""
        self._slowest_save = max(self._slowest_save, seconds)
        self._last = None

    def is_due(self, end: float | None) -> bool:
        """Whether it is time to stop; called at every agreement. end: the limit in Unix seconds, or None.

        SLURM does not count the time in which a job is suspended against its limit.
        """
        now = self._clock.now()
        if self._last is not None:
            self._slowest_lap = max(self._slowest_lap, now - self._last)
        self._last = now
        left = end + self._clock.stopped - time.time() if end is not None else None
        return left is not None and left < self._MINIMUM + 2 * (self._slowest_save + self._slowest_lap)


class CheckpointBudget:
    """Whether to save at the end of an epoch: with short epochs of a large network, saving would take too long."""

    _SHARE = 0.01
    _CHEAP = 0.1  # seconds; a checkpoint that takes less is always saved

    def __init__(self) -> None:
        self._cost = 0.0

    def saved(self, seconds: float) -> None:
        """Note that saving a checkpoint took this long."""
        self._cost = seconds

    def allows(self, since: float, at_most: float, *, writing: bool = False) -> bool:
        """Whether to save after `since` seconds of unsaved training; always True from `at_most` seconds on.

        writing: the last one is still being written, so its cost is not known.
        """
        if writing or self._cost > self._CHEAP:
            return since >= (at_most if writing else min(at_most, self._cost / self._SHARE))
        return True


@dataclass(frozen=True)
class Lap:
    """Some steps of an epoch. loss: the mean of a step.

    waited: the part of the time since the process began to train in which it waited for data, from 0 to 1. cores: the
    cores that it kept busy, with the threads that load data.
    """

    loss: float
    steps_per_s: float
    waited: float
    cores: float


class Meter:
    """Speed and loss between two points of an epoch, and how long the steps wait for their data."""

    _LAP = 1.0  # seconds

    def __init__(
        self,
        now: Callable[[], float] = time.monotonic,
        busy: Callable[[], float] = time.process_time,
        precise: Callable[[], float] = time.perf_counter,
    ) -> None:
        self._now, self._busy, self._precise = now, busy, precise
        self._waited = self._cpu = self._seconds = 0.0  # in all laps
        self.restart(0)

    def restart(self, step: int, losses: float = 0.0) -> None:
        """Restart at `step`: when an epoch starts, or when one resumes with the sum `losses`."""
        now = self._now()
        self._start, self._lap, self._losses = (step, now), (step, now), losses
        self._lap_waited, self._lap_busy = 0.0, self._busy()

    def watched(self, batches: Iterator[T]) -> Iterator[T]:
        """The same batches; the time until each is there counts as waiting for data."""
        while True:
            started = self._precise()
            try:
                batch = next(batches)
            except StopIteration:
                return
            self._lap_waited += self._precise() - started
            yield batch

    def speed(self, step: int) -> float:
        """Steps per second since the start of the epoch or of the process; 0 if there were none."""
        return (step - self._start[0]) / max(self._now() - self._start[1], 1e-9)

    def lap(self, step: int, losses: float) -> Lap | None:
        """The steps since the last lap; None if that was less than a second ago."""
        now, busy = self._now(), self._busy()
        steps, seconds = step - self._lap[0], now - self._lap[1]
        if steps == 0 or seconds < self._LAP:
            return None
        self._waited += self._lap_waited
        self._cpu += busy - self._lap_busy
        self._seconds += seconds
        waited = min(1.0, self._waited / self._seconds)
        result = Lap((losses - self._losses) / steps, steps / seconds, waited, self._cpu / self._seconds)
        self._lap, self._losses = (step, now), losses
        self._lap_waited, self._lap_busy = 0.0, busy
        return result
