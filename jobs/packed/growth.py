"""How many runs of a job train at the same time, where `runs_per_gpu = "auto"` leaves it to measurement.

The runs start one by one. Once the newest of them trains, the speed of each is measured, and compared with its speed
before the newest came. Another one starts as long as the last one has paid: with it, all runs together made at least
`THRESHOLD` times the progress that they made without it.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

THRESHOLD = 1.1
"""What one more run must give: the throughput of all runs with it, divided by that without it."""

SAMPLES = 4
"""Measured speeds of each run before a decision; the first after a start are left out. A run has about one a second."""


def gain(before: Mapping[str, float], after: Mapping[str, float]) -> float | None:
    """The throughput with the newest run, divided by that without it; None if that cannot be told.

    before: run -> its speed without the newest run; after: the speeds with it. Runs may differ in their work, so that
    each is compared with itself, and the newest counts as an average one. Where all runs of before have ended, the
    averages are compared.
    """
    if not before or not after:
        return None
    ratios = [after[run] / before[run] for run in before if run in after]
    if not ratios:
        ratios = [statistics.fmean(after.values()) / statistics.fmean(before.values())]
    return len(after) / len(before) * statistics.fmean(ratios)


@dataclass
class Growth:
    """The decision so far. most: places of the job; allowed: runs that may train now; gains: of the second run on.

    settled: why the number stays as it is; empty while it is measured.
    """

    most: int
    allowed: int = 1
    gains: list[float] = field(default_factory=list)
    settled: str = ""
    before: dict[str, float] = field(default_factory=dict)
    """The speed of each run without the newest one."""
    measured: int = 0
    """So many runs are worth it, as far as is known."""

    def decide(self, speeds: Mapping[str, Sequence[float]], fits: Callable[[int], bool]) -> None:
        """Take in the speeds of all runs that train now, measured since the newest of them trains.

        fits: whether the memory of the GPU suffices for one more beside so many.
        """
        if self.settled or len(speeds) < self.allowed or any(len(found) < SAMPLES for found in speeds.values()):
            return
        now = {run: statistics.median(found) for run, found in speeds.items()}
        if self.before:
            value = gain(self.before, now)
            if value is None:
                return
            self.gains.append(value)
            if value < THRESHOLD:
                self._settle(self.allowed - 1, "one more does not pay")
                return
        self.before, self.measured = now, self.allowed
        if self.allowed >= self.most:
            self._settle(self.most, "the job has no more places")
        elif not fits(self.allowed):
            self._settle(self.allowed, "the GPU's memory does not suffice for one more")
        else:
            self.allowed += 1

    def end(self) -> None:
        """No further run is left in the job."""
        if not self.settled and self.gains:
            self._settle(self.measured, "no further run was left to measure")

    def out_of_memory(self, running: int) -> None:
        """One of `running` runs has exceeded the GPU's memory."""
        if running > 1:
            self._settle(min(self.allowed, running - 1), "the GPU's memory does not suffice for one more")

    def _settle(self, number: int, reason: str) -> None:
        self.allowed, self.settled = number, reason
