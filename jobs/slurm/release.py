"""Jobs that SLURM holds because it could not launch them: released, or cancelled if their runs are completed."""

from __future__ import annotations

import re
from collections.abc import Sequence
from contextlib import suppress

from attnctl.jobs.slurm.cancel import array_expressions, jobs_of
from attnctl.jobs.slurm.commands import CommandError, on_cluster, parse_table, run
from attnctl.jobs.slurm.job import is_tag
from attnctl.jobs.slurm.queries import JobStatus, query
from attnctl.lifecycle.advice import LAUNCH_HELD
from attnctl.workspace import submissions
from attnctl.workspace.layout import Workspace
from attnctl.workspace.records import Placed, RecordError, Submission

_TASK = re.compile(r"[0-9]{1,9}")


def release(workspace: Workspace, placed: Sequence[Placed]) -> str | None:
    """Release the jobs of these attempts that SLURM still holds; returns a message if that failed, else None.

    If the node is still broken, SLURM holds the job again and nothing is lost.
    """
    held: dict[str | None, list[str]] = {}
    for job, status in query(jobs_of(workspace, placed).values()).items():
        if isinstance(status, JobStatus) and LAUNCH_HELD in status.reason:
            held.setdefault(status.cluster, []).append(job.id)
    try:
        for cluster, ids in held.items():
            for expression in array_expressions(ids):
                run(["scontrol", *on_cluster(cluster), "release", expression])
    except CommandError as error:
        return f"could not release all held jobs: {error.message}"
    return None


def cancel_surplus(workspace: Workspace) -> str | None:
    """Cancel the held jobs of completed runs: a job that SLURM requeued once more would be held for ever.

    Asks SLURM once, and does nothing if it does not answer; returns a message if a job could not be cancelled.
    """
    try:
        surplus = [job for job, tag, task in _held() if _is_completed(workspace, tag, task)]
    except CommandError:
        return None
    try:
        for expression in array_expressions(surplus):
            run(["scancel", expression])
    except CommandError as error:
        return f"could not cancel all held jobs of completed runs: {error.message}"
    return None


def _held() -> list[tuple[str, str, int]]:
    """The held tasks of this user: job id, tag and number in the array."""
    text = run(["squeue", "--me", "-a", "-r", "-h", "-t", "PD", "-o", "%i|%r|%j"])
    rows = parse_table(text, 3, "squeue")
    return [
        (job, tag, int(task))
        for job, reason, tag in rows
        if LAUNCH_HELD in reason and is_tag(tag) and _TASK.fullmatch(task := job.partition("_")[2])
    ]


def _is_completed(workspace: Workspace, tag: str, task: int) -> bool:
    """Whether the run of a task is completed; false for a submission of another workspace."""
    with suppress(RecordError, OSError):
        submission = Submission.read(workspace.submission(tag))
        if submission is not None:
            runs = [run for run, _ in submissions.tasks_of(workspace, submission, task)]
            return bool(runs) and all(workspace.run(run).completed for run in runs)
    return False
