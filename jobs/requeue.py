"""A job that was interrupted asks SLURM to start it again: the same job id, one incarnation later.

SLURM requeues by itself only what it kills; a training that saved and left in time would be over. Array tasks are named
`<array>_<task>`: the plain job id of the last element is the array's, and would requeue its siblings too. Where SLURM
does not do it, `attnctl.jobs.continuation` submits the next attempt.
"""

from __future__ import annotations

import time

from attnctl.jobs.runtime.rank import Place
from attnctl.jobs.slurm.commands import CommandError, run
from attnctl.workspace.layout import Incarnation, RunDir
from attnctl.workspace.records import Exit

STARTS_WITHOUT_A_STEP = 3
"""After so many starts in a row that trained nothing the job is not started again by itself."""

_WAITS = "Job is pending execution"
"""SLURM's words when it has put the job back into the queue already: a node of it has failed."""

_ASK = 5.0
"""Seconds that the accounting may take to answer: a job that is being ended has few left."""

_PATIENCE = 10.0
"""Seconds for which the other ranks' exit records are waited for: the requeue ends them."""


def refusal(outcome: str, run: RunDir, incarnation: Incarnation, place: Place, *, began: int, step: int) -> str:
    """Why this run is not to go on by itself, in words; empty when it is. Only rank 0 asks.

    began, step: optimizer steps of the run when this incarnation started, and now.
    """
    if not place.on_slurm or outcome not in {"preempted", "timeout"}:
        return f"{outcome} is no reason to start again"
    if _cancelled(place.job_id):
        return "the job was cancelled"
    if step > began:
        return ""
    if outcome == "timeout":
        return "the time limit came before a step was trained: it is too short for a start"
    starts = [item for attempt in run.attempts() for item in attempt.incarnations()]
    earlier = [item for item in starts if item.token < incarnation.token]
    steps = [Exit.read(item.exit(0)) for item in earlier[1 - STARTS_WITHOUT_A_STEP :]]
    standing = [record for record in steps if record is not None and record.step == step]
    if len(standing) == STARTS_WITHOUT_A_STEP - 1:
        return f"{STARTS_WITHOUT_A_STEP} starts in a row were interrupted before a step was trained"
    return ""


def _cancelled(job_id: str) -> bool:
    """Whether somebody ended the job with scancel, past this program: SLURM would start even that one again.

    The queue calls it COMPLETING, as it does one that is preempted; the accounting knows which. Where that does not
    answer, it is taken for preempted.
    """
    try:
        said = run(["sacct", "-n", "-P", "-X", "-o", "State", "-j", job_id], timeout=_ASK)
    except CommandError:
        return False
    return said.startswith("CANCELLED")


def requeue(incarnation: Incarnation, place: Place) -> str:
    """Ask SLURM to start this job again, once all its ranks have left their exit records; its refusal in words, or ''.

    SLURM then ends what is left of the job, this process too.
    """
    end = time.monotonic() + _PATIENCE
    while time.monotonic() < end and not all(incarnation.exit(rank).exists() for rank in range(place.world)):
        time.sleep(0.05)
    try:
        run(["scontrol", "requeue", place.job_id])
    except CommandError as error:
        return "" if _WAITS in error.words else error.words
    return ""
