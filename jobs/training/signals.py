"""Signals that ask a worker to stop: the handler only stores the number; the ranks agree on it between two steps."""

from __future__ import annotations

import signal
import time
from dataclasses import dataclass
from types import FrameType

STOPPING = (signal.SIGTERM, signal.SIGUSR2, signal.SIGINT)
"""The signals that SLURM and the local runner send before they kill a job."""

_NEAR_LIMIT = 180.0
"""Seconds before the time limit in which a signal means a timeout: SLURM may send it up to 60 s early (sbatch(1),
--signal), and we request it at most 120 s before the limit."""


class StopRequested(Exception):  # noqa: N818 - it is not an error
    """A signal asked the process to stop before training began, when there is nothing to save."""


@dataclass
class Signals:
    """The last signal that this process received, or 0."""

    received: int = 0

    @classmethod
    def install(cls) -> Signals:
        """Start handling the stopping signals in this process."""
        signals = cls()
        for number in STOPPING:
            signal.signal(number, signals._note)
        return signals

    def _note(self, number: int, _frame: FrameType | None) -> None:
        self.received = number

    def check(self) -> None:
        """Raise StopRequested if a signal was received; called while waiting before the training."""
        if self.received:
            raise StopRequested(signal.Signals(self.received).name)


def outcome_of(number: int, *, on_slurm: bool, end: float | None, cancelled: bool, now: float | None = None) -> str:
    """The outcome for a stop by this signal: a key of `attnctl.lifecycle.state.OUTCOMES`.

    end: the job's time limit in Unix seconds, or None if unknown. cancelled: our own cancel record exists.
    """
    if cancelled or not on_slurm or number == signal.SIGINT:
        return "interrupted"
    if end is not None and end - (time.time() if now is None else now) < _NEAR_LIMIT:
        return "timeout"
    return "preempted"
