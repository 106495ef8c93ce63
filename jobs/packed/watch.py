"""Watches the speeds of a job's runs, so that `runs_per_gpu = "auto"` finds how many of them are worth it."""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Sequence

from attnctl.files import reason as reason_of
from attnctl.jobs.local import gpu_slots
from attnctl.jobs.packed.growth import Growth
from attnctl.jobs.packed.step import Step
from attnctl.lifecycle import packing
from attnctl.lifecycle.packing import Packing
from attnctl.workspace import events
from attnctl.workspace.layout import Workspace
from attnctl.workspace.records import RecordError, Request

log = logging.getLogger("attnctl.jobs.packed")

_INTERVAL = 1.0
"""Seconds between two looks; a run writes its speed about once a second."""

_FULL = 0.95
"""The part of a GPU's memory that runs may fill."""


class _Speeds:
    """The measured speeds of one run, with their times."""

    def __init__(self, step: Step, restart: int) -> None:
        self._path = step.attempt.incarnation(restart).events
        self._log = events.Log()
        self.found: list[tuple[float, float]] = []

    @property
    def device(self) -> str:
        """What it trains on."""
        return self._log.summary.device or ""

    def read(self) -> None:
        """Take in what the run has written since."""
        before = self._log.summary.heartbeat
        with contextlib.suppress(OSError, events.Replaced):
            for _ in events.read(self._path, self._log):
                pass
        summary = self._log.summary
        if summary.images_per_s and summary.heartbeat is not None and summary.heartbeat != before:
            self.found.append((summary.heartbeat, summary.images_per_s))


class Watch:
    """The number of runs that may train now. places: of the job; restart: how often it was restarted.

    attempts: the runs that are meant for the job. What an earlier job has measured for them holds as soon as the first
    of them says that it trains on the same device: the number may come from a workspace on another machine.
    """

    def __init__(self, workspace: Workspace, places: int, restart: int, attempts: Sequence[tuple[str, int]]) -> None:
        self._workspace, self._restart = workspace, restart
        self._growth = Growth(most=places)
        self._speeds: dict[str, _Speeds] = {}
        self._keys: dict[str, str] = {}
        self._next_look = 0.0
        self._written = False
        self._known = self._measured_before(attempts)

    def _measured_before(self, attempts: Sequence[tuple[str, int]]) -> Packing | None:
        """The least of the numbers measured for these runs; None unless there is one for all of them."""
        known = [packing.read(self._workspace, name) for run in attempts if (name := self._key(*run))]
        numbers = [record for record in known if record is not None]
        return min(numbers, key=lambda record: record.number) if numbers and len(numbers) == len(known) else None

    def _use_known(self, device: str) -> None:
        """Begin with what was measured before, if that was on this device."""
        known, self._known, growth = self._known, None, self._growth
        if known is None or known.device != device:
            return
        growth.allowed = max(growth.allowed, min(known.number, growth.most))
        if not known.is_open or growth.most <= known.number:
            growth.settled, self._written = "an earlier job has measured it", True

    def continues(self, running: int) -> None:
        """So many runs go on that an earlier start of the job had started."""
        self._growth.allowed = max(self._growth.allowed, running)

    def allows(self, running: int) -> bool:
        """Whether one more run may start beside so many."""
        return running < self._growth.allowed

    def look(self, running: Sequence[Step]) -> None:
        """Read the speeds, and decide whether one more run may start."""
        now = time.monotonic()
        if self._growth.settled or now < self._next_look:
            return
        self._next_look = now + _INTERVAL
        for step in running:
            if step.run not in self._speeds:
                self._speeds[step.run] = _Speeds(step, self._restart)
                self._keys[step.run] = self._key(step.run, step.attempt.number)
            self._speeds[step.run].read()
            if self._known is not None and self._speeds[step.run].device:
                self._use_known(self._speeds[step.run].device)
        trained = [self._speeds[step.run] for step in running]
        if not trained or not all(item.found for item in trained):
            return
        together_since = max(item.found[0][0] for item in trained)
        speeds = {
            step.run: [speed for at, speed in self._speeds[step.run].found if at > together_since] for step in running
        }
        allowed = self._growth.allowed
        self._growth.decide(speeds, self._fits)
        if self._growth.allowed != allowed or self._growth.settled:
            self._record()

    def ended(self, step: Step, running: int) -> None:
        """One of `running` runs has ended."""
        if any(item.outcome == "cuda out of memory" for item in step.exits()):
            self._growth.out_of_memory(running)
            self._record()

    def finish(self) -> None:
        """The job trains no further run."""
        self._growth.end()
        if self._growth.settled:
            self._record()

    def _fits(self, running: int) -> bool:
        """Whether the memory of each GPU suffices for one more run beside so many; True where nothing says."""
        return all(used * (running + 1) <= _FULL * total * running for used, total in gpu_slots.memory())

    def _key(self, run: str, attempt: int) -> str:
        with contextlib.suppress(RecordError, OSError):
            folder = self._workspace.run(run)
            request = Request.read(folder.attempt(attempt).request)
            if request is not None:
                return packing.key_of_attempt(folder.read_spec(), request)
        return ""

    def _record(self) -> None:
        """Log the decision; once it is final, keep it for later jobs."""
        growth = self._growth
        if not growth.settled:
            log.info("%d runs may train at the same time; gains so far: %s", growth.allowed, growth.gains)
            return
        if self._written:
            return
        self._written = True
        left = growth.settled.startswith("no further run")
        found = Packing(
            number=growth.allowed,
            asked=growth.allowed if left else growth.most,
            gains=[round(value, 3) for value in growth.gains],
            reason=growth.settled,
            device=next((item.device for item in self._speeds.values() if item.device), "unknown"),
            at=time.time(),
        )
        log.info("runs that share this job: %s", found.words())
        for name in {name for name in self._keys.values() if name}:
            try:
                packing.write(self._workspace, name, found)
            except OSError as error:
                log.warning("cannot keep how many runs share a job: %s", reason_of(error))
