"""The watchdog: ends a process whose training loop stands still, and says where.

The loop itself gives the beats, so that a process whose other threads live on is not taken for a training one.
"""

from __future__ import annotations

import sys
import threading
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

STALLED_AFTER = 1800.0
"""Seconds without a beat after which a loop stands still, as long as nothing is known of its pace: a start can stage
data or compile for many minutes."""

_LEAST = 300.0
"""Seconds that are granted however fast the loop has been: a file system can pause."""

_TIMES = 20
"""How many times the longest pause so far the loop may pause."""

_TAIL = 20
"""Lines of the stack that are kept."""

_WAITING = ("jobs/runtime/group.py", "jobs/runtime/rendezvous.py", "torch/distributed/", "torch/autograd/")
"""Parts of the files in which a rank waits for the others: its backward averages gradients with theirs."""


@dataclass(frozen=True)
class Stall:
    """A loop that stands still. waiting: in a place where this rank waits for others; stack: its last lines."""

    seconds: float
    where: str
    stack: str
    waiting: bool


class Watchdog:
    """Watches one loop from a thread of its own. `stalled` is called there, once, and has to end the process."""

    def __init__(self, stalled: Callable[[Stall], None], after: float = STALLED_AFTER) -> None:
        self._stalled, self._after = stalled, after
        self._main = threading.get_ident()
        self._last = time.monotonic()
        self._longest: float | None = None
        self._over = threading.Event()

    def start(self) -> None:
        """Begin to watch the thread that made this."""
        self._last = time.monotonic()
        threading.Thread(target=self._watch, name="watchdog", daemon=True).start()

    def beat(self) -> None:
        """The loop goes on: a step, a batch of the evaluation, or a checkpoint is done."""
        now = time.monotonic()
        self._longest = max(self._longest or 0.0, now - self._last)
        self._last = now

    def stop(self) -> None:
        """The loop is over."""
        self._over.set()

    @property
    def limit(self) -> float:
        """Seconds without a beat that are a stall."""
        return self._after if self._longest is None else min(self._after, max(_LEAST, _TIMES * self._longest))

    def _watch(self) -> None:
        while not self._over.wait(min(5.0, self._after / 10)):
            paused = time.monotonic() - self._last
            if paused > self.limit:
                self._stalled(stall(paused, sys._current_frames()[self._main]))
                return


def stall(seconds: float, frame: FrameType) -> Stall:
    """What the stack of the standing thread tells."""
    summary = traceback.extract_stack(frame)
    innermost = summary[-1]
    waiting = any(part in item.filename for item in summary for part in _WAITING)
    lines = "".join(traceback.format_list(summary)).splitlines()[-_TAIL:]
    return Stall(
        seconds, f"{Path(innermost.filename).name}:{innermost.lineno} in {innermost.name}", "\n".join(lines), waiting
    )
