"""Runs on this machine: the same worker command as on SLURM, a bounded number at once, watched until they end."""

from __future__ import annotations

import contextlib
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from types import FrameType

from attnctl.jobs.local.gpu_slots import Slot, slots
from attnctl.jobs.local.supervisor import Job, Progress
from attnctl.jobs.submission.submit import Submitted
from attnctl.settings.config import Config
from attnctl.workspace.records import Resources

__all__ = ["Progress", "run"]

_TICK = 0.1
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class _Stop:
    """How often the user has asked for the end: once to save and leave, twice to be killed."""

    def __init__(self) -> None:
        self.asked = 0

    def __call__(self, _number: int, _frame: FrameType | None) -> None:
        self.asked += 1


def run(
    config: Config,
    submitted: Sequence[Submitted],
    resources: Resources,
    parallel: int | None,
    report: Callable[[Progress], None],
) -> None:
    """Run all tasks and return when they have ended, however; their records say how.

    report: called with each change of a run. On Ctrl-C (or TERM, or a closed terminal) the workers save a checkpoint
    and leave, nothing new is started, and KeyboardInterrupt is raised once they are gone; a second Ctrl-C kills them.
    Raises SpecError when a run needs GPUs that are not there.
    """
    waiting = [
        Job(config, batch.tag, task, run_id, attempt, batch.job_id or "")
        for batch in submitted
        for task, (run_id, attempt) in enumerate(batch.tasks)
    ]
    free = slots(resources, len(waiting), parallel)
    running: list[tuple[Job, Slot]] = []
    stop = _Stop()
    with _handling(stop):
        try:
            while waiting or running:
                if stop.asked:
                    waiting.clear()
                while waiting and free:
                    job = waiting.pop(0)
                    if job.wanted():
                        slot = free.pop(0)
                        job.start(resources, slot.environment())
                        running.append((job, slot))
                    report(job.progress)
                for job, slot in list(running):
                    if job.watch(stop.asked):
                        report(job.progress)
                    if job.ended:
                        running.remove((job, slot))
                        free.append(slot)
                time.sleep(_TICK)
        finally:
            for job, _ in running:  # only on the way out with an error of ours
                job.kill()
    if stop.asked:
        raise KeyboardInterrupt


@contextlib.contextmanager
def _handling(stop: _Stop) -> Iterator[None]:
    """Let signals count instead of raising in the middle of a start, which would lose a process."""
    try:
        before = [(number, signal.signal(number, stop)) for number in _SIGNALS]
    except ValueError:  # not in the main thread, where signals do not arrive anyway
        before = []
    try:
        yield
    finally:
        for number, handler in before:
            signal.signal(number, handler)
