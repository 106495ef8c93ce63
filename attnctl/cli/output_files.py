"""Files and folders that commands write for the user: whether they can be, before any work, and a bar meanwhile."""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TypeVar

from attnctl.cli import output
from attnctl.values import SpecError

T = TypeVar("T")

MARK = "export.json"
"""Marks a folder that `attnctl export` wrote, and that it may replace."""


def check_place(path: Path) -> None:
    """Raise SpecError when nothing can be written at `path`."""
    if not path.name or not str(path).isprintable():
        raise SpecError(f"cannot write {str(path)!r}: this is not a file name")
    if len(path.name.encode()) > 200:
        raise SpecError(f"cannot write {path.name[:40]}...: the name is longer than 200 bytes")
    if not path.parent.is_dir():
        raise SpecError(f"cannot write {path}: there is no folder {path.parent}")
    if not os.access(path.parent, os.W_OK):
        raise SpecError(f"cannot write {path}: the folder {path.parent} is not writable")


def check_file(path: Path, *, force: bool) -> None:
    """Raise SpecError when `path` cannot become a file, or is there already and `force` does not say to replace it."""
    check_place(path)
    if path.is_dir():
        raise SpecError(f"cannot write {path}: it is a folder")
    if path.exists() and not stat.S_ISREG(path.stat().st_mode):
        raise SpecError(f"cannot write {path}: it is not a regular file")
    _check_new(path, force=force)


def check_folder(path: Path, *, force: bool) -> None:
    """Raise SpecError when `path` cannot become a folder; one of an earlier export is replaced with `force`."""
    check_place(path)
    if path.exists() and not (path / MARK).is_file() and (not path.is_dir() or any(path.iterdir())):
        raise SpecError(f"cannot write {path}: it exists and is not an export of attnctl; name another folder")
    if not path.is_dir() or any(path.iterdir()):
        _check_new(path, force=force)


def _check_new(path: Path, *, force: bool) -> None:
    if path.exists() and not force:
        raise SpecError(f"{path} already exists; --force replaces it")


def tracked(items: Sequence[T], words: str) -> Iterator[T]:
    """The items one by one, with a bar on a terminal when there are many."""
    if len(items) < 10 or not output.is_terminal(sys.stderr):
        yield from items
        return
    from rich.console import Console
    from rich.progress import track

    yield from track(items, description=words, console=Console(stderr=True, highlight=False), transient=True)
