"""The pace of a training: how often the ranks agree, when to save or stop, and how fast the steps are."""

from __future__ import annotations

import time
from collections.abc import Callable

from attnctl.jobs.runtime.clock import RunningClock

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

    def allows(self, since: float, at_most: float) -> bool:
        """Whether to save after `since` seconds of unsaved training; always True from `at_most` seconds on."""
        return self._cost <= self._CHEAP or since >= min(at_most, self._cost / self._SHARE)


class Meter:
    """Speed and loss between two points of an epoch."""

    _LAP = 1.0  # seconds

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self.restart(0)

    def restart(self, step: int, losses: float = 0.0) -> None:
        """Restart at `step`: when an epoch starts, or when one resumes with the sum `losses`."""
        now = self._now()
        self._start, self._lap, self._losses = (step, now), (step, now), losses

    def speed(self, step: int) -> float:
        """Steps per second since the start of the epoch or of the process; 0 if there were none."""
        return (step - self._start[0]) / max(self._now() - self._start[1], 1e-9)

    def lap(self, step: int, losses: float) -> tuple[float, float] | None:
        """(mean loss per step, steps per second) since the last lap; None if that was less than a second ago."""
        now = self._now()
        steps = step - self._lap[0]
        if steps == 0 or now - self._lap[1] < self._LAP:
            return None
        result = (losses - self._losses) / steps, steps / (now - self._lap[1])
        self._lap, self._losses = (step, now), losses
        return result
