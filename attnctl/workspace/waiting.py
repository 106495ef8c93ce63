"""The runs that are still to be submitted: a file for each, which is deleted once SLURM has the run's job.

What SLURM does not take yet is put here: runs above a limit on submitted jobs, and runs whose base has no job yet.
`attnctl.jobs.submission.feed` submits them later. Only the user who put a run here submits it: in a shared workspace
the others can read its record, but not change it, and it holds the digest of the settings.
"""

from __future__ import annotations

import contextlib
import logging
import os
import re
import time
from collections.abc import Collection, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Literal

from attnctl.files import open_regular, reason, write_atomic
from attnctl.spec import ID_LENGTH
from attnctl.workspace.layout import Workspace, skip_unreadable
from attnctl.workspace.records import WaitingRun

log = logging.getLogger(__name__)

Work = Literal["feeding", "searching"]
"""What one process of a user does at a time: submit the waiting runs, or choose the next trainings of searches."""

_PREFIX = {"feeding": ".", "searching": ".search-"}

_FILE = re.compile(f"([0-9a-f]{{{ID_LENGTH}}})\\.json")

_UNUSED = 3600.0
"""Seconds after which settings without a run are deleted; whoever is just writing them writes the runs next."""

LOCK_TIMEOUT = 60.0
"""Seconds to wait while another process submits or cancels waiting runs."""


def read(workspace: Workspace, run_id: str) -> WaitingRun | None:
    """The record of one run, cancelled or not; None without one. Raises RecordError."""
    return WaitingRun.read(workspace.waiting(run_id))


def run_ids(workspace: Workspace) -> list[str]:
    """The ids of the runs that have a record, ascending."""
    return named(workspace, _FILE)


def named(workspace: Workspace, pattern: re.Pattern[str]) -> list[str]:
    """What the first group of a pattern is in the names of the files here that match it as a whole, ascending."""
    try:
        with os.scandir(workspace.waiting_folder) as entries:
            matches = [pattern.fullmatch(entry.name) for entry in entries]
    except (FileNotFoundError, NotADirectoryError):
        return []
    return sorted(match[1] for match in matches if match is not None)


def own(workspace: Workspace) -> list[WaitingRun]:
    """What this user put here and did not cancel, in the order of submission; unreadable records are skipped."""
    found = []
    for run_id in run_ids(workspace):
        path = workspace.waiting(run_id)
        with skip_unreadable(), open_regular(path) as stream:
            if os.fstat(stream.fileno()).st_uid == os.geteuid():
                record = WaitingRun.decode(stream.read(), path)
                found += [record] if record.run == run_id and not record.cancelled_by else []
    return sorted(found, key=lambda record: (record.created, record.tag, record.order))


def is_own(workspace: Workspace, run_id: str) -> bool:
    """Whether the record of a run was written by this user. Raises OSError."""
    return workspace.waiting(run_id).stat().st_uid == os.geteuid()


def write(workspace: Workspace, record: WaitingRun, *, durable: bool = False) -> None:
    """Write a record. durable: it also survives a power cut. Raises OSError."""
    write_atomic(workspace.waiting(record.run), record.encode(), durable=durable, mode=_mode(workspace))


def write_settings(workspace: Workspace, tag: str, content: bytes) -> None:
    """Write the settings that the records with this tag are submitted with. Raises OSError."""
    write_atomic(workspace.waiting_settings(tag), content, durable=True, mode=_mode(workspace))


def remove(workspace: Workspace, run_id: str) -> None:
    """Delete the record of a run, if there is one; another user's stays. Raises OSError."""
    with contextlib.suppress(FileNotFoundError):
        if is_own(workspace, run_id):
            workspace.waiting(run_id).unlink()


def cancel(workspace: Workspace, record: WaitingRun, user: str) -> None:
    """Mark the record as cancelled; the caller holds the lock. Raises OSError."""
    write(workspace, replace(record, cancelled_by=user, cancelled_at=time.time()), durable=True)


def remove_unused_settings(workspace: Workspace, used_elsewhere: Collection[str] = ()) -> None:
    """Delete settings that no record names. used_elsewhere: tags of settings that others need. Raises OSError."""
    used = {*used_elsewhere}
    for run_id in run_ids(workspace):
        with skip_unreadable():
            record = read(workspace, run_id)
            used.add(record.tag if record is not None else "")
    for path in workspace.waiting_folder.glob("[!.]*.toml"):
        with contextlib.suppress(FileNotFoundError):
            status = path.stat()
            if path.stem not in used and status.st_uid == os.geteuid() and time.time() - status.st_mtime > _UNUSED:
                path.unlink()


@contextlib.contextmanager
def locked(workspace: Workspace, timeout: float = LOCK_TIMEOUT, work: Work = "feeding") -> Iterator[bool]:
    """Whether this process alone does this work for this user, after up to `timeout` seconds.

    Who submits waiting runs, and who cancels some, has the lock of "feeding". Without locks on the file system the
    answer is yes: then the reservation of each run still has only one winner. Only flock(2) is used: filelock's soft
    lock, for file systems without it, would outlive a killed process.
    """
    from filelock import FileLock, Timeout

    path = workspace.waiting_folder / f"{_PREFIX[work]}lock-{os.geteuid()}"
    lock = FileLock(path, timeout=timeout, fallback_to_soft=False)
    try:
        lock.acquire()
    except Timeout:
        yield False
        return
    except (OSError, NotImplementedError):
        yield True
        return
    try:
        yield True
    finally:
        lock.release()


def mark(workspace: Workspace, work: Work = "feeding") -> Path:
    """A file that whoever wants work done leaves, so that the process which does it at the moment looks once more."""
    return workspace.waiting_folder / f"{_PREFIX[work]}again-{os.geteuid()}"


def leave_mark(workspace: Workspace, work: Work = "feeding") -> None:
    """Ask the process that has the lock, or gets it next, to look once more."""
    try:
        mark(workspace, work).touch()
    except OSError as error:
        log.warning("%s", reason(error))


def take_mark(workspace: Workspace, work: Work = "feeding") -> bool:
    """Whether somebody has left the mark since it was taken last; the caller holds the lock."""
    try:
        mark(workspace, work).unlink()
    except FileNotFoundError:
        return False
    except OSError as error:
        log.warning("%s", reason(error))
        return False
    return True


def _mode(workspace: Workspace) -> int:
    return 0o640 if workspace.group else 0o600
