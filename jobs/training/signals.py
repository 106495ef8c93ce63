"""Signals that ask a worker to stop: the handler only keeps the number; the ranks agree on it between two steps."""

from __future__ import annotations

import signal
import time
from dataclasses import dataclass
from types import FrameType

STOPPING = (signal.SIGTERM, signal.SIGUSR2, signal.SIGINT)
"""What SLURM and the runner here send to end a job with notice."""

_NEAR_THE_LIMIT = 180.0
"""Seconds before the time limit in which a stop means it: SLURM may send its notice up to 60 s early (sbatch(1),
--signal), and our notice time is at most 120 s."""


class StopRequested(Exception):  # noqa: N818 - it is no error
    """A signal asked for the end before training began; there is nothing to save."""


@dataclass
class Signals:
    """The last signal that this process received, 0 when none."""

    received: int = 0

    @classmethod
    def install(cls) -> Signals:
        """Handle the stopping signals from now on in this process."""
        signals = cls()
        for number in STOPPING:
            signal.signal(number, signals._note)
        return signals

    def _note(self, number: int, _frame: FrameType | None) -> None:
        self.received = number

    def check(self) -> None:
        """Raise StopRequested when a signal has come: for the waiting loops of the start."""
        if self.received:
            raise StopRequested(signal.Signals(self.received).name)


def outcome_of(number: int, *, on_slurm: bool, end: float | None, cancelled: bool, now: float | None = None) -> str:
    """The outcome that a stop by this signal means: a key of `attnctl.lifecycle.state.OUTCOMES`.

    end: the job's time limit in Unix seconds, None when unknown. cancelled: our own cancel record exists.
    """
    if cancelled or not on_slurm or number == signal.SIGINT:
        return "interrupted"
    if end is not None and end - (time.time() if now is None else now) < _NEAR_THE_LIMIT:
        return "timeout"
    return "preempted"
