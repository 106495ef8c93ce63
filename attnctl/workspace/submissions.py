"""Reading and changing the head of a submission file without parsing its thousands of specs.

The keys of a record are sorted, so the fields that change (`cluster`, `failed`, `job_id`) and those of a Head precede
`script` and `specs`.
"""

from __future__ import annotations

import contextlib
import functools
import json
import os
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from attnctl.files import create_exclusive, open_regular, read_regular, sync_folder, write_atomic
from attnctl.workspace import untrusted_json
from attnctl.workspace.layout import Attempt, Workspace
from attnctl.workspace.records import RecordError, Submission

_HEAD = 16384  # bytes; the longest part, the scheduler's message, is cut at 1000 characters
_BODY = b', "script": '  # cannot occur inside a JSON string, where the quotes are escaped
_JOB = re.compile(r"[0-9]{1,10}_[0-9]{1,9}")


@dataclass(frozen=True, kw_only=True)
class Submitted:
    """The outcome of a submission. job_id: the scheduler's; failed: the scheduler's error message, if it refused.

    runs_per_job: how many runs share an element of the job array; 0 if each has one of its own.
    """

    job_id: str | None = None
    failed: str | None = None
    runs_per_job: int = 0


@dataclass(frozen=True, kw_only=True)
class Head(Submitted):
    """The head of a Submission, without its script and specs; the tag is the file's name."""

    tag: str
    created: float
    host: str
    pid: int
    cluster: str | None
    owner: str = ""
    folder: str = ""

    @property
    def on_slurm(self) -> bool:
        """Whether its runs were sent to SLURM; the id of a local supervisor contains a colon."""
        return self.cluster is not None or (self.job_id is not None and ":" not in self.job_id)


HeadOf = Callable[[str], Head | None]
"""The head of a submission by its tag; None when there is none. Raises RecordError."""


def head(path: Path) -> Head | None:
    """The head of a submission; None when there is none. Raises RecordError."""
    try:
        with open_regular(path) as stream:
            data = stream.read(_HEAD)
    except FileNotFoundError:
        return None
    document = _decode(data.partition(_BODY)[0], path)
    try:
        return untrusted_json.decode(Head, document | {"tag": path.stem})
    except ValueError as error:
        raise RecordError(f"{path} is not a Submission record: {error}") from error


def cached_heads(workspace: Workspace) -> HeadOf:
    """A function from a tag to the submission's head that reads each file once."""
    return functools.cache(lambda tag: head(workspace.submission(tag)))


def heads(workspace: Workspace) -> Iterator[Head]:
    """The heads of all submissions, by tag; unreadable ones are skipped."""
    for tag in workspace.submission_tags():
        with contextlib.suppress(RecordError, OSError):
            record = head(workspace.submission(tag))
            if record is not None:
                yield record


def job_of(workspace: Workspace, tag: str, run_id: str) -> str | None:
    """The job of a run in a submission, `<array>_<task>` on SLURM; None if it is not known. Raises RecordError."""
    submission = Submission.read(workspace.submission(tag))
    if submission is None or submission.job_id is None or submission.where == "local":
        return submission.job_id if submission is not None else None
    for task, (run, number) in enumerate(submission.tasks):
        if run == run_id:
            return job_of_task(workspace, submission, task, run, number)
    return None


def job_of_task(
    workspace: Workspace, submission: Submission | Submitted, task: int, run_id: str, attempt: int
) -> str | None:
    """The SLURM job of a run in a submission: of a shared job the one that has claimed it, else the one meant for it.

    task: its place in the submission. None as long as the array is not known.
    """
    if submission.job_id is None:
        return None
    if not submission.runs_per_job:
        return f"{submission.job_id}_{task}"
    claimed = owner(workspace.run(run_id).attempt(attempt))
    return claimed or f"{submission.job_id}_{task // submission.runs_per_job}"


def tasks_of(workspace: Workspace, submission: Submission, element: int) -> list[tuple[str, int]]:
    """The runs, each with its attempt, that an element of the array trains or is meant for; none beyond the array."""
    if not submission.runs_per_job:
        return [(run, number) for run, number in submission.tasks[element : element + 1]]
    job = f"{submission.job_id}_{element}"
    return [
        (run, number)
        for task, (run, number) in enumerate(submission.tasks)
        if job_of_task(workspace, submission, task, run, number) == job
    ]


def owner(attempt: Attempt) -> str:
    """The job that has claimed an attempt; empty if none has, or if the file is damaged."""
    try:
        text = read_regular(attempt.owner).decode(errors="replace").strip()
    except OSError:
        return ""
    return text if _JOB.fullmatch(text) else ""


def create(workspace: Workspace, submission: Submission) -> bool:
    """Write a submission durably; False when the file exists: another process has closed this submission."""
    path = workspace.submission(submission.tag)
    # Like `encode`, but without the deep copy of all specs.
    data = json.dumps(vars(submission), sort_keys=True).encode() + b"\n"
    created = create_exclusive(path, data, mode=workspace.private)
    with path.open("rb") as stream:
        os.fsync(stream.fileno())
    sync_folder(path.parent)
    return created


def change(workspace: Workspace, tag: str, **values: Any) -> None:
    """Set `job_id`, `cluster` or `failed` of a submission atomically and durably. Raises RecordError."""
    path = workspace.submission(tag)
    start, body, rest = read_regular(path).partition(_BODY)
    document = _decode(start, path) | values
    changed = json.dumps(document, sort_keys=True).encode()[:-1] + body + rest
    write_atomic(path, changed, durable=True, mode=workspace.private)


def without_script(path: Path) -> bytes:
    """A submission without its job script. Raises OSError, and RecordError when it cannot be read."""
    document = untrusted_json.read_object(path)
    if document is None:
        raise RecordError(f"{path} is missing")
    return json.dumps(document | {"script": ""}, sort_keys=True).encode() + b"\n"


def _decode(start: bytes, path: Path) -> dict[str, Any]:
    try:
        return untrusted_json.loads_object(start + b"}")
    except ValueError as error:
        raise RecordError(f"{path} is not a Submission record: {error}") from error
