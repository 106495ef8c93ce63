"""An interrupted job asks SLURM to requeue it, so that it starts again with the same job id as its next incarnation.

SLURM requeues by itself only jobs that it kills, not a training that saved and exited in time. Array tasks are
addressed as `<array>_<task>`: the job id of the last task equals that of the array, so `scontrol requeue` would restart
the other tasks too. Where SLURM does not requeue, `attnctl.jobs.continuation` submits the next attempt.
"""

from __future__ import annotations

import logging
import time

from attnctl.jobs.runtime.rank import Worker
from attnctl.jobs.slurm.commands import CommandError, run
from attnctl.workspace.layout import Incarnation, RunDir
from attnctl.workspace.records import Exit

log = logging.getLogger(__name__)

MAX_FRUITLESS_STARTS = 3
"""After so many starts in a row without a training step the job does not requeue itself."""

_ALREADY_QUEUED = "Job is pending execution"
"""scontrol's error message if SLURM has requeued the job already because one of its nodes failed."""

_SACCT_TIMEOUT = 5.0
"""Seconds; a job that is being stopped has little time left."""

_PATIENCE = 10.0
"""Seconds to wait for the exit records of the other ranks, because the requeue kills them."""


CANCELLED = "the job was cancelled"
"""A refusal."""


def ending(outcome: str, refused: str, rank: int) -> str:
    """How a rank ended, for its log. refused: why the run must not restart; only rank 0 has asked.

    The signal is the same whether SLURM preempts the job or somebody cancels it.
    """
    if outcome != "preempted":
        return outcome
    if rank:
        return "stopped by SLURM"
    return "cancelled" if refused == CANCELLED else outcome


def refusal(outcome: str, run: RunDir, incarnation: Incarnation, worker: Worker, *, began: int, step: int) -> str:
    """Why this run must not restart by itself; empty if it may. Only called by rank 0.

    began, step: optimizer steps of the run when this incarnation started, and now.
    """
    if not worker.on_slurm or outcome not in {"preempted", "timeout"}:
        return f"runs do not restart after outcome {outcome!r}"
    if cancelled(worker.job_id):
        return CANCELLED
    if step > began:
        return ""
    if outcome == "timeout":
        return "the time limit is too short: it was reached before the first training step"
    starts = [item for attempt in run.attempts() for item in attempt.incarnations()]
    earlier = [item for item in starts if item.token < incarnation.token]
    exits = [Exit.read(item.exit(0)) for item in earlier[1 - MAX_FRUITLESS_STARTS :]]
    fruitless = [record for record in exits if record is not None and record.step == step]
    if len(fruitless) == MAX_FRUITLESS_STARTS - 1:
        return f"{MAX_FRUITLESS_STARTS} starts in a row were interrupted before a training step"
    return ""


def cancelled(job_id: str) -> bool:
    """Whether somebody used scancel directly: SLURM would requeue even a cancelled job.

    squeue shows such a job as COMPLETING, like a preempted one; only accounting distinguishes them. If sacct fails, the
    job counts as preempted.
    """
    try:
        states = run(["sacct", "-n", "-P", "-X", "-o", "State", "-j", job_id], timeout=_SACCT_TIMEOUT)
    except CommandError:
        return False
    return any(line.startswith("CANCELLED") for line in states.splitlines())  # a site's banner may come first


def requeue(incarnation: Incarnation, worker: Worker, after: str = "") -> str:
    """Requeue this job when all its ranks have written their exit records; returns SLURM's error message, or "".

    SLURM then kills the remaining processes of the job, including this one. after: a job that must have ended before
    this one starts again; empty for none.
    """
    end = time.monotonic() + _PATIENCE
    while time.monotonic() < end and not all(incarnation.exit(rank).exists() for rank in range(worker.world)):
        time.sleep(0.05)
    refusal = requeue_job(worker.job_id)
    if after and not refusal:
        _wait_for(worker.job_id, after)
    return refusal


def requeue_job(job_id: str) -> str:
    """Requeue a job; returns SLURM's error message, or "" if it is requeued."""
    try:
        run(["scontrol", "requeue", job_id])
    except CommandError as error:
        return "" if _ALREADY_QUEUED in error.message else error.message
    return ""


def _wait_for(job_id: str, after: str) -> None:
    """Let a job that was just requeued wait for another one.

    SLURM accepts a dependency only for a pending job (scontrol(1), Dependency), which this one is from its requeue on;
    its processes are killed KillWait seconds later. Without a dependency it just looks again sooner.
    """
    try:
        run(["scontrol", "update", f"JobId={job_id}", f"Dependency=singleton,afterany:{after}"])
    except CommandError as error:
        log.warning("the job does not wait for job %s, and starts again soon: %s", after, error.message)
