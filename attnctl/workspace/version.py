"""The version of a workspace's files, so that an older attnctl refuses a newer workspace before it misreads it.

    format.json     Format: written with the first submission; a workspace without it has version 1

Unknown fields of records are ignored, so most releases read each other's workspaces and share a version.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from attnctl import __version__
from attnctl.files import write_atomic
from attnctl.values import SpecError
from attnctl.workspace.layout import Workspace, skip_unreadable
from attnctl.workspace.records import Record

VERSION = 1
"""Raise it when an older attnctl would misread what this one writes, such as specs with other fields."""

FILE_NAME = "format.json"


@dataclass(frozen=True, kw_only=True)
class Format(Record):
    """The version of the files, and the release of attnctl that first wrote that version."""

    version: int
    attnctl: str


def check(root: Path) -> None:
    """Raise SpecError if the files in a workspace's folder are of a newer version than this code reads."""
    found = _read(root)
    if found is not None and found.version > VERSION:
        raise SpecError(
            f"workspace {root} was written by a newer attnctl, {found.attnctl}: its files have version "
            f"{found.version}, but attnctl {__version__} reads version {VERSION}; upgrade attnctl (nothing was changed)"
        )


def mark(workspace: Workspace) -> None:
    """Record the version before files are written. Raises OSError."""
    found = _read(workspace.root)
    if found is None or found.version < VERSION:
        record = Format(version=VERSION, attnctl=__version__)
        write_atomic(workspace.root / FILE_NAME, record.encode())


def _read(root: Path) -> Format | None:
    """The record; None without a readable one."""
    with skip_unreadable():
        return Format.read(root / FILE_NAME)
    return None
