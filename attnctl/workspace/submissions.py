"""Reading and changing the head of a submission's file, without its thousands of specs.

The keys of a record are sorted, so what changes (`cluster`, `failed`, `job_id`) stands before `script` and `specs`.
"""

from __future__ import annotations

import contextlib
import functools
import json
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from attnctl.files import create_exclusive, sync_folder, write_atomic
from attnctl.workspace import untrusted_json
from attnctl.workspace.layout import Workspace
from attnctl.workspace.records import RecordError, Submission

_HEAD = 16384  # bytes; the longest part, the scheduler's words, is cut at 1000 characters
_BODY = b', "script": '  # inside a JSON string the quotes would be escaped


@dataclass(frozen=True, kw_only=True)
class Submitted:
    """What came of a submission. job_id: the scheduler's; failed: its own words, when it refused."""

    job_id: str | None = None
    failed: str | None = None


@dataclass(frozen=True, kw_only=True)
class Head(Submitted):
    """The part of a Submission that says how it stands; the tag is its file's name."""

    tag: str
    created: float
    host: str
    pid: int
    cluster: str | None


HeadOf = Callable[[str], Head | None]
"""The head of a submission by its tag; None when there is none. Raises RecordError."""


def head(path: Path) -> Head | None:
    """The head of a submission; None when there is none. Raises RecordError."""
    try:
        with path.open("rb") as stream:
            data = stream.read(_HEAD)
    except FileNotFoundError:
        return None
    document = _decode(data.partition(_BODY)[0], path)
    try:
        return Head(**(untrusted_json.values(Head, document) | {"tag": path.stem}))
    except (ValueError, TypeError) as error:
        raise RecordError(f"{path} is not a Submission record: {error}") from error


def cached_heads(workspace: Workspace) -> HeadOf:
    """The head of a submission by its tag, each read once; for many runs of few submissions."""
    return functools.cache(lambda tag: head(workspace.submission(tag)))


def heads(workspace: Workspace) -> Iterator[Head]:
    """The heads of all submissions, by tag; a broken one is left out, and whose it is is not known."""
    for tag in workspace.submission_tags():
        with contextlib.suppress(RecordError, OSError):
            found = head(workspace.submission(tag))
            if found is not None:
                yield found


def create(workspace: Workspace, submission: Submission) -> bool:
    """Write the intent so that it survives a power cut; False when the tag is taken: another closed it for us."""
    path = workspace.submission(submission.tag)
    # As `encode` does, without its copy of each of the specs' values.
    data = json.dumps(vars(submission), sort_keys=True).encode() + b"\n"
    created = create_exclusive(path, data, mode=workspace.private)
    with path.open("rb") as stream:
        os.fsync(stream.fileno())
    sync_folder(path.parent)
    return created


def change(workspace: Workspace, tag: str, **values: Any) -> None:
    """Set `job_id`, `cluster` or `failed` of a submission, in one step and durably. Raises RecordError."""
    path = workspace.submission(tag)
    start, body, rest = path.read_bytes().partition(_BODY)
    document = _decode(start, path) | values
    changed = json.dumps(document, sort_keys=True).encode()[:-1] + body + rest
    write_atomic(path, changed, durable=True, mode=workspace.private)


def _decode(start: bytes, path: Path) -> dict[str, Any]:
    try:
        return untrusted_json.loads_object(start + b"}")
    except ValueError as error:
        raise RecordError(f"{path} is not a Submission record: {error}") from error
