"""A clock that stands still while the process is stopped, so that a pause of the whole job is not taken for a stall.

`scontrol suspend` and PreemptMode=SUSPEND stop all processes of a job with SIGSTOP and let them go on later. The
system's monotonic clock goes on meanwhile, so a thread reads this one every few seconds: a much longer time between two
readings means that the process did not run.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import timedelta

STOPPED_AFTER = 30.0
"""Seconds between two readings from which on the process counts as stopped; a busy machine delays a thread less."""

NEVER = timedelta(days=30)
"""The time-out of the store and of each collective. It never ends a training: every rank's watchdog does, whose clock
stands still while the job is suspended, unlike those of the store, gloo and NCCL."""


class RunningClock:
    """Seconds in which this process ran. source: a monotonic clock.

    Until `start` is called and after `stop`, it equals the source except for the stops that it has noticed.
    """

    def __init__(self, source: Callable[[], float] = time.monotonic) -> None:
        self._source = source
        self._lock = threading.Lock()
        self._last: float | None = None
        self._stopped = 0.0

    def start(self) -> None:
        """From now on it is read at least every few seconds."""
        with self._lock:
            self._last = self._source()

    def stop(self) -> None:
        """From now on it is not read regularly, so that long times between readings mean nothing."""
        with self._lock:
            self._last = None

    def now(self) -> float:
        """The clock's time in seconds; only differences have a meaning."""
        with self._lock:
            return self._read() - self._stopped

    @property
    def stopped(self) -> float:
        """Seconds in which the process was stopped, as far as noticed."""
        with self._lock:
            self._read()
            return self._stopped

    def _read(self) -> float:
        now = self._source()
        if self._last is not None:
            if now - self._last > STOPPED_AFTER:
                self._stopped += now - self._last
            self._last = now
        return now
