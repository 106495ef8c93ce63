"""Cancelling attempts: write the cancel record first, then stop the job or the local processes.

scancel exits with 0 for a job that the controller does not know, so only jobs that squeue lists count as cancelled.
scancel --name does not help: `scancel --name=TAG 12_[0-1]` cancels ALL pending tasks of array 12 (SLURM 22.05).
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from attnctl.files import no_space, write_atomic
from attnctl.jobs.slurm import job, queries
from attnctl.jobs.slurm.adopt import adopt
from attnctl.jobs.slurm.commands import CommandError, on_cluster, run
from attnctl.jobs.slurm.job import Job
from attnctl.jobs.slurm.observe import workers
from attnctl.workspace import submissions
from attnctl.workspace.layout import Workspace, skip_unreadable
from attnctl.workspace.records import Cancel, Placed, Submission, user_name

_RANGES = 500
"""Ranges in one job id such as `12_[0-3,7]`; SLURM limits the length of an id."""


_UNRECORDED = CommandError("the disk is full: cancelling a run that has no processes on this machine needs a record")


@dataclass(frozen=True)
class Outcome:
    """What came of a cancellation. accepted: ids of the runs that will end; refused: run id to the reason."""

    accepted: list[str]
    refused: dict[str, str]


def cancel(workspace: Workspace, placed: Sequence[Placed]) -> Outcome:
    """Cancel these attempts. Only those whose cancellation SLURM took keep the record of it.

    A job is only cancelled if it is recognised as ours, since SLURM reuses ids. Local workers receive SIGINT: they save
    a checkpoint and exit. On another machine, the supervisor sees the record and does the same.
    """
    before = _records(workspace, placed)
    now = Cancel(at=time.time(), user=user_name(), host=socket.gethostname(), accepted=False)
    refused = {item: _UNRECORDED for item in placed if not _write(workspace, item, now)}
    recorded = [item for item in placed if item not in refused]
    refused |= _cancel_jobs(workspace, [item for item in recorded if item.where == "slurm"], before)
    for item in recorded:
        if item not in refused:
            _write(workspace, item, replace(now, accepted=True))
        elif not refused[item].timed_out:
            _write(workspace, item, before.get(item))
        if item.where == "local":
            for pid in workers(workspace.run(item.run).attempt(item.attempt)):
                # Another user's processes are stopped by their supervisor, which sees the record.
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.kill(pid, signal.SIGINT)
    return Outcome(
        accepted=[item.run for item in placed if item not in refused],
        refused={item.run: refusal.message for item, refusal in refused.items()},
    )


def _records(workspace: Workspace, placed: Iterable[Placed]) -> dict[Placed, Cancel]:
    """The records of earlier cancellations of these attempts."""
    records: dict[Placed, Cancel] = {}
    for item in placed:
        with skip_unreadable():
            record = Cancel.read(workspace.run(item.run).attempt(item.attempt).cancel)
            records |= {item: record} if record is not None else {}
    return records


def _write(workspace: Workspace, item: Placed, record: Cancel | None) -> bool:
    """Write the record, or remove it; returns whether it is there, or not needed.

    On a full disk what we can stop ourselves, a job or processes of this machine, is cancelled without a record.
    """
    attempt = workspace.run(item.run).attempt(item.attempt)
    if record is None:
        attempt.cancel.unlink(missing_ok=True)
        return True
    try:
        write_atomic(attempt.cancel, record.encode())
    except OSError as error:
        if not no_space(error):
            raise
        return item.where == "slurm" or bool(workers(attempt))
    return True


def _cancel_jobs(
    workspace: Workspace, placed: Sequence[Placed], before: Mapping[Placed, Cancel]
) -> dict[Placed, CommandError]:
    """Run scancel for the jobs that SLURM lists as active; returns why the others cannot be cancelled.

    before: the records of earlier cancellations; SLURM forgets a task at once that is cancelled while it waits.
    """
    jobs = jobs_of(workspace, placed)
    answers = queries.query(list(jobs.values()))
    refused: dict[Placed, CommandError] = {}
    active: dict[tuple[str | None, str], list[Placed]] = {}
    for item in placed:
        answer = answers[jobs[item]] if item in jobs else None
        if isinstance(answer, queries.JobStatus):
            if answer.active:
                active.setdefault((answer.cluster, jobs[item].array), []).append(item)
            continue
        earlier = before.get(item)
        if not (isinstance(answer, queries.Absent) and earlier is not None and earlier.accepted):
            refused[item] = CommandError(_reason(jobs.get(item), answer))
    for (cluster, _), items in active.items():
        try:
            for options, ids in _to_cancel(workspace, items, jobs):
                for expression in array_expressions(ids):
                    run(["scancel", *on_cluster(cluster), *options, expression])
        except CommandError as error:
            refused |= dict.fromkeys(_still_active(items, jobs), error)
    return refused


def _to_cancel(
    workspace: Workspace, items: Sequence[Placed], jobs: Mapping[Placed, Job]
) -> Iterator[tuple[list[str], list[str]]]:
    """The jobs of one array to cancel, with further options of scancel.

    A job that runs share is cancelled only while it waits, and if all its runs are. In one that trains, the supervisor
    ends those runs whose cancellation is recorded. items: of one submission.
    """
    ids = sorted({jobs[item].id for item in items})
    path = workspace.submission(items[0].tag)
    head = submission = None
    with skip_unreadable():
        head = submissions.head(path)
        submission = Submission.read(path) if head is not None and head.runs_per_job else None
    if submission is None:
        yield [], ids
        return
    unneeded = []
    for job_id in ids:
        runs = submissions.tasks_of(workspace, submission, int(job_id.rpartition("_")[2]))
        if all(workspace.run(run_id).attempt(number).cancel.exists() for run_id, number in runs):
            unneeded.append(job_id)
    if unneeded:
        yield ["--state=PENDING"], unneeded


def _reason(job: Job | None, answer: queries.Answer | None) -> str:
    """Why a job that SLURM does not list cannot be cancelled."""
    if job is None or answer is None:
        return "SLURM has not confirmed its job yet; try again in a minute"
    if isinstance(answer, queries.Unavailable | queries.Hidden):
        return answer.message
    if isinstance(answer, queries.Unseen):
        return answer.reason
    return f"SLURM does not know job {job.id}"


def _still_active(items: Sequence[Placed], jobs: Mapping[Placed, Job]) -> list[Placed]:
    """The attempts whose jobs did not end: scancel also fails for a job that has ended since squeue listed it."""
    answers = queries.query([jobs[item] for item in items])
    rest = []
    for item in items:
        answer = answers[jobs[item]]
        ended = isinstance(answer, queries.JobStatus) and (not answer.active or answer.state == "COMPLETING")
        if not ended and not isinstance(answer, queries.Absent):
            rest.append(item)
    return rest


def jobs_of(workspace: Workspace, placed: Sequence[Placed]) -> dict[Placed, Job]:
    """The jobs of these attempts; ids that are not recorded yet are looked up in SLURM."""
    unknown = [item for item in placed if item.job_id is None]
    if unknown:
        adopt(workspace, unknown)
    tasks: dict[str, dict[tuple[str, int], str]] = {}
    located = {}
    for item in placed:
        job_id = item.job_id
        if job_id is None:
            if item.tag not in tasks:
                tasks[item.tag] = _tasks(workspace, item.tag)
            job_id = tasks[item.tag].get((item.run, item.attempt))
        located[item] = replace(item, job_id=job_id)
    jobs = job.of(workspace, located.values())
    return {item: jobs[there] for item, there in located.items() if there in jobs}


def _tasks(workspace: Workspace, tag: str) -> dict[tuple[str, int], str]:
    submission = None
    with skip_unreadable():  # a damaged one stops no others
        head = submissions.head(workspace.submission(tag))
        submission = Submission.read(workspace.submission(tag)) if head is not None and head.job_id else None
    if submission is None:
        return {}
    jobs = {
        (run_id, number): submissions.job_of_task(workspace, submission, task, run_id, number)
        for task, (run_id, number) in enumerate(submission.tasks)
    }
    return {key: job_id for key, job_id in jobs.items() if job_id is not None}


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
