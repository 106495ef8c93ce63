"""Ending attempts: first the record that we asked for it, then the asking."""

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
"""Parts of one id such as `12_[0-3,7]`; SLURM bounds its length."""


def cancel(workspace: Workspace, placed: Sequence[Placed]) -> str | None:
    """Ask for the end of these attempts; the words of what could not be asked, else None.

    A job's name must still be the tag, since SLURM uses ids again. Workers here get SIGINT: they save a checkpoint
    and leave; on another machine their supervisor sees the record and does the same.
    """
    asked = Cancel(at=time.time(), user=user_name(), host=socket.gethostname())
    for item in placed:
        write_atomic(workspace.run(item.run).attempt(item.attempt).cancel, asked.encode())
    words = _cancel_jobs(jobs_of(workspace, [item for item in placed if item.where == "slurm"]))
    for item in placed:
        if item.where == "local":
            for pid in workers(workspace.run(item.run).attempt(item.attempt)):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGINT)
    return words


def _cancel_jobs(jobs: dict[str, str]) -> str | None:
    """scancel those that squeue shows under their own name.

    scancel's own --name is no help: with it `12_[0-1]` cancels ALL pending elements of array 12 (seen with 22.05).
    """
    if not jobs:
        return None
    try:
        active = [job for job, row in queries.squeue(jobs).items() if row.active]
        for expression in expressions(active):
            run(["scancel", expression])
    except CommandError as error:
        # One that ends between the two commands is not there to be cancelled.
        return None if "Invalid job id" in error.words else f"not all jobs are cancelled: {error.words}"
    return None


def jobs_of(workspace: Workspace, placed: Sequence[Placed]) -> dict[str, str]:
    """Job id to tag; ids that are not recorded yet are looked up."""
    unknown = [item for item in placed if item.job_id is None]
    if unknown:
        adopt(workspace, unknown)
    found: dict[str, str] = {}
    tasks: dict[str, dict[tuple[str, int], str]] = {}
    for item in placed:
        job_id = item.job_id
        if job_id is None:
            if item.tag not in tasks:
                tasks[item.tag] = _tasks(workspace, item.tag)
            job_id = tasks[item.tag].get((item.run, item.attempt))
        if job_id is not None:
            found[job_id] = item.tag
    return found


def _tasks(workspace: Workspace, tag: str) -> dict[tuple[str, int], str]:
    head = submissions.head(workspace.submission(tag))
    submission = Submission.read(workspace.submission(tag)) if head is not None and head.job_id else None
    if submission is None:
        return {}
    return {(run_id, number): f"{submission.job_id}_{k}" for k, (run_id, number) in enumerate(submission.tasks)}


def expressions(job_ids: Iterable[str]) -> Iterator[str]:
    """Job ids `<array>_<task>`, gathered: `12_[0-3,7]`, one expression for each array and 500 ranges."""
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
