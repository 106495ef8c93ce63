"""The watchdog: ends a process whose training loop makes no progress, and reports where it is stuck.

The loop itself calls `beat`: that other threads of the process are alive does not prove that it is training. Time in
which the whole process was stopped does not count.
"""

from __future__ import annotations

import sys
import threading
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

from attnctl.jobs.runtime.clock import RunningClock

STALLED_AFTER = 1800.0
"""Seconds without a beat after which a loop counts as stalled while its pace is unknown: at the start, copying data or
compiling can take many minutes."""

_MIN_LIMIT = 300.0
"""Lower bound of the limit, in seconds, however fast the loop has been: a file system can hang for minutes."""

_INTERVAL = 5.0
"""Seconds between two checks; far below `clock.STOPPED_AFTER`."""

_FACTOR = 20
"""The limit as a multiple of the longest pause so far."""

_TAIL = 20
"""Lines of the stack that are kept."""

_WAITING = ("jobs/runtime/group.py", "jobs/runtime/rendezvous.py", "torch/distributed/", "torch/autograd/")
"""Files in which a rank waits for others (parts of their paths); its backward averages gradients with theirs."""


@dataclass(frozen=True)
class Stall:
    """A loop without progress. waiting: it waits for other ranks; where: file, line and function; stack: its end."""

    seconds: float
    where: str
    stack: str
    waiting: bool


class Watchdog:
    """Watches one loop from its own thread. `stalled` is called once, in that thread, and must end the process.

    after: seconds without a beat after which the loop counts as stalled while its pace is unknown (STALLED_AFTER).
    clock: read by the thread at every check. sleep: waits so many seconds, or less if the loop has ended; returns
    whether it has.
    """

    def __init__(
        self,
        stalled: Callable[[Stall], None],
        after: float | None = None,
        clock: RunningClock | None = None,
        sleep: Callable[[float], bool] | None = None,
    ) -> None:
        self._stalled, self._after = stalled, STALLED_AFTER if after is None else after
        self.clock = clock or RunningClock()
        self._main = threading.get_ident()
        self._last, self._stopped = self.clock.now(), self.clock.stopped
        self._longest: float | None = None
        self._over = threading.Event()
        self._sleep = sleep or self._over.wait

    def start(self) -> None:
        """Start watching the thread that created this object."""
        self.clock.start()
        self._last, self._stopped = self.clock.now(), self.clock.stopped
        threading.Thread(target=self.watch, name="watchdog", daemon=True).start()

    def beat(self) -> None:
        """Report progress: a step, a batch of the evaluation, or a checkpoint is done."""
        now = self.clock.now()
        self._longest = max(self._longest or 0.0, now - self._last)
        self._last, self._stopped = now, self.clock.stopped

    def stop(self) -> None:
        """Stop watching: the loop has ended."""
        self._over.set()
        self.clock.stop()

    @property
    def stopped(self) -> float:
        """Seconds in which the process was stopped since the last beat."""
        return self.clock.stopped - self._stopped

    @property
    def limit(self) -> float:
        """Seconds without a beat after which the loop counts as stalled."""
        return self._after if self._longest is None else min(self._after, max(_MIN_LIMIT, _FACTOR * self._longest))

    def watch(self) -> None:
        """Check at intervals until the loop has ended or stalls; the body of the thread."""
        while not self._sleep(min(_INTERVAL, self._after / 10)):
            paused = self.clock.now() - self._last
            if paused > self.limit:
                self._stalled(stall(paused, sys._current_frames()[self._main]))
                return


def stall(seconds: float, frame: FrameType) -> Stall:
    """Describe a stall from the stack of the stuck thread."""
    summary = traceback.extract_stack(frame)
    innermost = next((item for item in reversed(summary) if item.filename != threading.__file__), summary[-1])
    waiting = any(part in item.filename for item in summary for part in _WAITING)
    lines = "".join(traceback.format_list(summary)).splitlines()[-_TAIL:]
    return Stall(
        seconds, f"{Path(innermost.filename).name}:{innermost.lineno} in {innermost.name}", "\n".join(lines), waiting
    )
