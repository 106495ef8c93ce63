"""The pace of a training: how often the ranks agree, and how fast the steps go."""

from __future__ import annotations

import time

INTERVAL = 0.4
"""Seconds between agreements. One costs 0.1 to 0.4 ms on the CPU side, so less than 0.1 %; a signal waits < 1 s."""


class Cadence:
    """Proposes after how many steps to agree again, from how long the last ones took."""

    def __init__(self) -> None:
        self._steps = 1
        self._last: tuple[int, float] | None = None

    def propose(self, step: int) -> int:
        """Steps from `step` to the next agreement, at least 1 and at most twice the last proposal."""
        now = time.monotonic()
        if self._last is not None and step > self._last[0]:
            per_step = (now - self._last[1]) / (step - self._last[0])
            self._steps = max(1, min(2 * self._steps, int(INTERVAL / max(per_step, 1e-6))))
        self._last = (step, now)
        return self._steps


class TimeLimitMargin:
    """How long before a job's time limit its training has to stop, so that it can still save.

    SLURM sends its notice earlier than that where it sends one; this is for clusters that only send TERM at the end.
    """

    _LEAST = 15.0  # seconds: clocks differ, and SLURM checks limits now and then

    def __init__(self) -> None:
        self._slowest_save = 0.0
        self._slowest_lap = 0.0
        self._last: float | None = None

    def saved(self, seconds: float) -> None:
        """A checkpoint took so long."""
        self._slowest_save = max(self._slowest_save, seconds)
        self._last = None

    def is_due(self, end: float | None) -> bool:
        """Whether it is time to stop; asked at every agreement. end: the limit, in Unix seconds, if there is one."""
        now = time.monotonic()
        if self._last is not None:
            self._slowest_lap = max(self._slowest_lap, now - self._last)
        self._last = now
        return end is not None and end - time.time() < self._LEAST + 2 * (self._slowest_save + self._slowest_lap)


class CheckpointBudget:
    """Whether a checkpoint at an epoch's end is worth its time: short epochs of a large network would save all day."""

    _SHARE = 0.01
    _CHEAP = 0.1  # seconds; a save that takes less is always made

    def __init__(self) -> None:
        self._cost = 0.0

    def saved(self, seconds: float) -> None:
        """A checkpoint took so long."""
        self._cost = seconds

    def pays(self, since: float, at_most: float) -> bool:
        """Whether `since` seconds of training, lost without it, are worth a checkpoint; `at_most` always are."""
        return self._cost <= self._CHEAP or since >= min(at_most, self._cost / self._SHARE)


class Meter:
    """Speed and loss between two moments of an epoch."""

    _LAP = 1.0  # seconds

    def __init__(self) -> None:
        self.restart(0)

    def restart(self, step: int, losses: float = 0.0) -> None:
        """Begin anew at `step`: an epoch starts, and its sums with it, or goes on with `losses` so far."""
        now = time.monotonic()
        self._start, self._lap, self._losses = (step, now), (step, now), losses

    def speed(self, step: int) -> float:
        """Steps a second since the epoch's start, or since the process's start; 0 when there were none."""
        return (step - self._start[0]) / max(time.monotonic() - self._start[1], 1e-9)

    def lap(self, step: int, losses: float) -> tuple[float, float] | None:
        """(mean of what was added to `losses` per step, steps a second) since the last lap; None before its time."""
        now = time.monotonic()
        steps = step - self._lap[0]
        if steps == 0 or now - self._lap[1] < self._LAP:
            return None
        found = (losses - self._losses) / steps, steps / (now - self._lap[1])
        self._lap, self._losses = (step, now), losses
        return found
