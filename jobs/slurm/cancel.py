"""Cancelling attempts: write the cancel record first, then stop the job or the local processes."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import time
from collections.abc import Iterable, Iterator, Sequence

from attnctl.files import write_atomic
from attnctl.jobs.slurm import queries
from attnctl.jobs.slurm.adopt import adopt
from attnctl.jobs.slurm.commands import CommandError, run
from attnctl.jobs.slurm.observe import workers
from attnctl.workspace import submissions
from attnctl.workspace.layout import Workspace
from attnctl.workspace.records import Cancel, Placed, Submission, user_name

_RANGES = 500
"""Ranges in one job id such as `12_[0-3,7]`; SLURM limits the length of an id."""


def cancel(workspace: Workspace, placed: Sequence[Placed]) -> str | None:
    """Cancel these attempts; returns a message about those that could not be cancelled, else None.

    A job is only cancelled if its name is our tag, since SLURM reuses ids. Local workers receive SIGINT: they save a
    checkpoint and exit. On another machine, the supervisor sees the record and does the same.
    """
    record = Cancel(at=time.time(), user=user_name(), host=socket.gethostname())
    for item in placed:
        write_atomic(workspace.run(item.run).attempt(item.attempt).cancel, record.encode())
    message = _cancel_jobs(jobs_of(workspace, [item for item in placed if item.where == "slurm"]))
    for item in placed:
        if item.where == "local":
            for pid in workers(workspace.run(item.run).attempt(item.attempt)):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGINT)
    return message


def _cancel_jobs(jobs: dict[str, str]) -> str | None:
    """Run scancel for the jobs that squeue lists under our tag.

    scancel --name does not help: `scancel --name=TAG 12_[0-1]` cancels ALL pending tasks of array 12 (SLURM 22.05).
    """
    if not jobs:
        return None
    try:
        active = [job for job, row in queries.squeue(jobs).items() if row.active]
        for expression in array_expressions(active):
            run(["scancel", expression])
    except CommandError as error:
        # scancel fails for a job that has ended since squeue listed it.
        return None if "Invalid job id" in error.message else f"could not cancel all jobs: {error.message}"
    return None


def jobs_of(workspace: Workspace, placed: Sequence[Placed]) -> dict[str, str]:
    """Job id to tag; ids that are not recorded yet are looked up in SLURM."""
    unknown = [item for item in placed if item.job_id is None]
    if unknown:
        adopt(workspace, unknown)
    jobs: dict[str, str] = {}
    tasks: dict[str, dict[tuple[str, int], str]] = {}
    for item in placed:
        job_id = item.job_id
        if job_id is None:
            if item.tag not in tasks:
                tasks[item.tag] = _tasks(workspace, item.tag)
            job_id = tasks[item.tag].get((item.run, item.attempt))
        if job_id is not None:
            jobs[job_id] = item.tag
    return jobs


def _tasks(workspace: Workspace, tag: str) -> dict[tuple[str, int], str]:
    head = submissions.head(workspace.submission(tag))
    submission = Submission.read(workspace.submission(tag)) if head is not None and head.job_id else None
    if submission is None:
        return {}
    return {(run_id, number): f"{submission.job_id}_{k}" for k, (run_id, number) in enumerate(submission.tasks)}


def array_expressions(job_ids: Iterable[str]) -> Iterator[str]:
    """Combine ids `<array>_<task>` into expressions such as `12_[0-3,7]`: one for each array and 500 ranges."""
    arrays: dict[str, list[int]] = {}
    for job_id in job_ids:
        array, _, task = job_id.partition("_")
        arrays.setdefault(array, []).append(int(task))
    for array, tasks in arrays.items():
        ranges = list(_ranges(sorted(set(tasks))))
        for start in range(0, len(ranges), _RANGES):
            yield f"{array}_[{','.join(ranges[start : start + _RANGES])}]"


def _ranges(numbers: Sequence[int]) -> Iterator[str]:
    first = last = numbers[0]
    for number in [*numbers[1:], None]:
        if number is not None and number == last + 1:
            last = number
            continue
        yield str(first) if first == last else f"{first}-{last}"
        if number is not None:
            first = last = number
