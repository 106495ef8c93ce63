"""The searches that choose their next trainings when the present ones have ended: files in the folder `waiting`.

A search has one as long as later trainings depend on the results of earlier ones and SLURM trains it. The job that ends
last chooses and submits the next trainings (`attnctl.jobs.submission.next_rounds`), with the settings, the folder and
the variables of the command that was typed. Only jobs of the user who typed it do so.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from attnctl.files import open_regular, write_atomic
from attnctl.workspace import waiting
from attnctl.workspace.layout import Workspace, skip_unreadable
from attnctl.workspace.records import Record

_FILE = re.compile(r"([0-9a-f]{16})\.search\.json")
_NOT_PART = {"--wait", "--json", "--retry-failed"}
"""Options that say nothing of what a command searches."""


@dataclass(frozen=True, kw_only=True)
class WaitingSearch(Record):
    """A search that goes on by itself.

    sweep: its name. command: what was typed, without the program's name. folder: where
    variables: those that decided what the command left open, such as SBATCH_PARTITION
    tag: names the settings; settings: their digest; code: the digest of the code that is to go on, if known
    reason: why a job could not choose the next trainings; empty if nothing is known
    """

    sweep: str
    command: list[str]
    folder: str
    variables: Mapping[str, str] = field(default_factory=dict)
    tag: str
    settings: str = ""
    code: str = ""
    created: float
    host: str
    user: str
    reason: str = ""

    def file_names(self) -> Sequence[str]:
        """Its sweep, and the tag of its settings."""
        return [self.sweep, self.tag]

    @property
    def key(self) -> str:
        """The same for a command that is typed again."""
        words = [self.sweep, *(word for word in self.command if word not in _NOT_PART)]
        return hashlib.sha256(json.dumps(words).encode()).hexdigest()[:16]


def path_of(workspace: Workspace, key: str) -> Path:
    """The file of a search."""
    return workspace.waiting_folder / f"{key}.search.json"


def read(workspace: Workspace, key: str) -> WaitingSearch | None:
    """The record of a search; None without one, or if another user wrote it. Raises RecordError and OSError."""
    path = path_of(workspace, key)
    with contextlib.suppress(FileNotFoundError), open_regular(path) as stream:
        if os.fstat(stream.fileno()).st_uid == os.geteuid():
            return WaitingSearch.decode(stream.read(), path)
    return None


def own(workspace: Workspace) -> list[WaitingSearch]:
    """The searches of this user, the oldest first; unreadable records are skipped."""
    return _sorted(
        record for key in waiting.named(workspace, _FILE) if (record := _readable(workspace, key)) is not None
    )


def everybodys(workspace: Workspace) -> list[WaitingSearch]:
    """The searches of all users, the oldest first; unreadable records are skipped."""
    found = []
    for key in waiting.named(workspace, _FILE):
        with skip_unreadable():
            record = WaitingSearch.read(path_of(workspace, key))
            found += [record] if record is not None else []
    return _sorted(found)


def write(workspace: Workspace, record: WaitingSearch, settings: bytes | None = None) -> None:
    """Write a record, in place of an earlier one of the same command. Raises OSError.

    settings: what it goes on with, unless they are there
    """
    if settings is not None:
        waiting.write_settings(workspace, record.tag, settings)
    mode = 0o640 if workspace.group else 0o600
    write_atomic(path_of(workspace, record.key), record.encode(), durable=True, mode=mode)


def remove(workspace: Workspace, record: WaitingSearch) -> None:
    """Delete a search that has nothing left to choose, with its settings. Raises OSError."""
    path_of(workspace, record.key).unlink(missing_ok=True)
    workspace.waiting_settings(record.tag).unlink(missing_ok=True)


def rename(workspace: Workspace, name: str, new: str) -> None:
    """Let the user's searches that feed a sweep go on under its new name. Raises OSError."""
    for record in own(workspace):
        if record.sweep == name:
            pairs = zip(["", *record.command[:-1]], record.command, strict=True)
            words = [new if before == "--name" else word for before, word in pairs]
            words = [f"--name={new}" if word == f"--name={name}" else word for word in words]
            write(workspace, replace(record, sweep=new, command=words))
            path_of(workspace, record.key).unlink(missing_ok=True)


def tags(workspace: Workspace) -> set[str]:
    """Whose settings are in use."""
    return {record.tag for record in everybodys(workspace)}


def _readable(workspace: Workspace, key: str) -> WaitingSearch | None:
    with skip_unreadable():
        return read(workspace, key)
    return None


def _sorted(records: Iterator[WaitingSearch] | list[WaitingSearch]) -> list[WaitingSearch]:
    return sorted(records, key=lambda record: (record.created, record.tag))
