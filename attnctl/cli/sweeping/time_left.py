"""The time that runs on this machine still need: of each run, and of all of them together."""

from __future__ import annotations

import heapq
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from attnctl.jobs.local.runner import Progress

WAITING = {"queued", "starting", "running"}
"""The states of runs that have not ended."""


_EARLIEST = 0.05
"""The part of a run after which its pace is taken as known, if it was evaluated in that time."""

_UNEVALUATED = 0.5
"""The same if it was not."""


@dataclass
class _Run:
    """started: its processes. trained: when it was seen to reach the step `began`. seen: when it reached `step`.

    pace: seconds per step, with evaluations, measured up to the last evaluation; None until it is known.
    """

    started: float
    trained: float = 0.0
    began: int | None = None
    first: int | None = None
    seen: float = 0.0
    step: int = 0
    steps: int = 0
    metrics: Mapping[str, float] = field(default_factory=dict)
    pace: float | None = None
    ended: float | None = None

    def take(self, progress: Progress, now: float) -> None:
        """Take the news while it trains."""
        self.steps = progress.steps
        if self.first is None:
            self.first = self.step = progress.step
        elif progress.step > self.step:
            if self.began is None:  # a step that has just ended: the first one seen may be half over
                self.began, self.trained = progress.step, now
            self.step, self.seen = progress.step, now
        evaluated = bool(progress.metrics) and progress.metrics != self.metrics
        self.metrics = progress.metrics
        if self.began is None or self.step == self.began:
            return
        part = (self.step - self.began) / max(1, self.steps - self.began)
        if part >= (_EARLIEST if evaluated else _UNEVALUATED) and (evaluated or self.pace is None):
            self.pace = (now - self.trained) / (self.step - self.began)

    def left(self, now: float) -> float | None:
        """Seconds until its last step."""
        return None if self.pace is None else max(0.0, (self.steps - self.step) * self.pace - (now - self.seen))

    def whole(self, now: float) -> float | None:
        """Seconds from its start to its end."""
        if self.ended is not None:
            return self.ended - self.started
        left = self.left(now)
        return None if left is None else now - self.started + left


class TimeLeft:
    """Estimates from the measured pace of the runs, once an evaluation is measured too, so that they do not jump.

    clock: seconds; runs: all that are to be trained.
    """

    def __init__(self, runs: Collection[str], clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._waiting = set(runs)
        self._runs: dict[str, _Run] = {}

    def take(self, progress: Progress) -> None:
        """Take the news of a run."""
        if progress.state == "queued":
            return
        now, name = self._clock(), progress.run
        self._waiting.discard(name)
        run = self._runs.setdefault(name, _Run(started=now))
        if progress.state not in WAITING:
            run.ended = now if run.ended is None else run.ended
        elif progress.steps:
            run.take(progress, now)

    def of_run(self, name: str) -> float | None:
        """Seconds that a run still needs; None while that is not known."""
        run = self._runs.get(name)
        return None if run is None or run.ended is not None else run.left(self._clock())

    def of_all(self) -> float | None:
        """Seconds until the last of all runs ends; None while the pace of one that trains is not known.

        Runs that wait take as long as the others on average, each on the first place that gets free.
        """
        now = self._clock()
        active = [run.left(now) for run in self._runs.values() if run.ended is None]
        places = [left for left in active if left is not None]
        if not places or len(places) < len(active):
            return None
        durations = [seconds for run in self._runs.values() if (seconds := run.whole(now)) is not None]
        heapq.heapify(places)
        for _ in self._waiting:
            heapq.heapreplace(places, places[0] + sum(durations) / len(durations))
        return max(places)
