"""Trains runs on this machine with the worker command that SLURM jobs use, a limited number at a time."""

from __future__ import annotations

import contextlib
import signal
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from types import FrameType

from attnctl.jobs.local.gpu_slots import Slot, slots
from attnctl.jobs.local.supervisor import Job, Progress
from attnctl.jobs.submission.submit import Submitted
from attnctl.settings.config import Config
from attnctl.workspace.records import RecordError, Resources

__all__ = ["Progress", "run"]

_POLL_INTERVAL = 0.1
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class _Interrupts:
    """Counts the user's interrupts: after the first, the workers save and exit; at the second they are killed."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(self, _number: int, _frame: FrameType | None) -> None:
        self.count += 1


def run(
    config: Config,
    submitted: Sequence[Submitted],
    resources: Resources,
    parallel: int | None,
    report: Callable[[Progress], None],
    interrupted: Callable[[int, Sequence[str]], None] = lambda _count, _runs: None,
) -> None:
    """Run all tasks and return when they have ended, successfully or not; their records contain the outcome.

    report: called when a run's progress changes. interrupted: called at each Ctrl-C with their number and the runs that
    train. On Ctrl-C (or SIGTERM, or a closed terminal) the workers save a
    checkpoint and exit, no further run starts, and then KeyboardInterrupt is raised; a second Ctrl-C kills the workers.
    Raises SpecError if a run needs more GPUs than this machine has.
    """
    waiting = [
        Job(config, batch.tag, task, run_id, attempt, batch.job_id or "")
        for batch in submitted
        for task, (run_id, attempt) in enumerate(batch.tasks)
    ]
    bases = {job.progress.run: base for job in waiting if (base := _base(config, job.progress.run))}
    free = slots(resources, len(waiting), parallel)
    running: list[tuple[Job, Slot]] = []
    interrupts, told = _Interrupts(), 0
    with _handling(interrupts):
        try:
            while waiting or running:
                if interrupts.count > told:
                    told = interrupts.count
                    interrupted(told, [job.progress.run for job, _ in running])
                    for dropped in waiting:
                        dropped.drop()
                    waiting.clear()
                while free and (job := _next(waiting, [job for job, _ in running], bases)) is not None:
                    waiting.remove(job)
                    if job.may_start():
                        slot = free.pop(0)
                        job.start(resources, slot.environment())
                        running.append((job, slot))
                    report(job.progress)
                for job, slot in list(running):
                    if job.poll(interrupts.count):
                        report(job.progress)
                    if job.ended:
                        running.remove((job, slot))
                        free.append(slot)
                time.sleep(_POLL_INTERVAL)
        finally:
            for job, _ in running:  # not empty only if an exception was raised
                job.kill()
    if interrupts.count:
        raise KeyboardInterrupt


def _base(config: Config, run_id: str) -> str | None:
    """The run from whose weights a run starts."""
    with contextlib.suppress(RecordError):  # the worker says what is wrong with the spec
        return config.workspace.run(run_id).read_spec().base
    return None


def _next(waiting: Sequence[Job], running: Sequence[Job], bases: Mapping[str, str]) -> Job | None:
    """The next job whose base has ended, or is not among these jobs; None if there is none."""
    busy = {job.progress.run for job in (*waiting, *running)}
    return next((job for job in waiting if bases.get(job.progress.run) not in busy), None)


@contextlib.contextmanager
def _handling(interrupts: _Interrupts) -> Iterator[None]:
    """Count signals instead of raising KeyboardInterrupt, which could lose a process that is just being started."""
    try:
        previous = [(number, signal.signal(number, interrupts)) for number in _SIGNALS]
    except ValueError:  # not in the main thread, which alone receives signals
        previous = []
    try:
        yield
    finally:
        for number, handler in previous:
            signal.signal(number, handler)
