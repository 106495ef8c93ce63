"""Choosing the later copy of each file in two copies of an attempt's folder, one of which may be partial."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from attnctl.workspace.layout import has_one_writer
from attnctl.workspace.records import RecordError

_BLOCK = 1 << 20


@dataclass(frozen=True)
class Content:
    """The content of an attempt's folder: files by relative path, and folders."""

    files: dict[str, Path]
    folders: frozenset[str]


def content(folder: Path) -> Content:
    """The content of a folder, without unfinished files (their names begin with a dot)."""
    files: dict[str, Path] = {}
    folders: set[str] = set()
    for place, inner, names in os.walk(folder):
        inner[:] = [name for name in inner if name[0] != "."]
        base = Path(place).relative_to(folder)
        folders.update(str(base / name) for name in inner)
        files.update({str(base / name): Path(place) / name for name in names if name[0] != "."})
    return Content(files, frozenset(folders))


def united(ours: Path, theirs: Path) -> tuple[Content, bool]:
    """The later copy of each file, and whether any of them is theirs.

    A file that is a prefix of the other is the earlier one. Raises RecordError if two copies contradict each other,
    which no partial copy explains.
    """
    mine, other = content(ours), content(theirs)
    chosen = {**other.files, **mine.files}
    for name in mine.files.keys() & other.files.keys():
        if _later(mine.files[name], other.files[name], name):
            chosen[name] = other.files[name]
    folders = mine.folders | other.folders
    changed = folders != mine.folders or any(path != mine.files.get(name) for name, path in chosen.items())
    return Content(chosen, folders), changed


def _later(ours: Path, theirs: Path, name: str) -> bool:
    """Whether their copy of a file is the later one."""
    sizes = ours.stat().st_size, theirs.stat().st_size
    if same_beginning(ours, theirs, min(sizes)):
        return sizes[1] > sizes[0]
    if has_one_writer(Path(name)):
        raise RecordError(f"{ours} and {theirs} are of one attempt, and differ: one of them was changed")
    # less important files, such as logs: the choice does not depend on the direction of the merge
    return (sizes[1], theirs.read_bytes()) > (sizes[0], ours.read_bytes())


def same_beginning(one: Path, other: Path, size: int) -> bool:
    """Whether the first `size` bytes of two files are the same."""
    with one.open("rb") as left, other.open("rb") as right:
        while size > 0:
            block = left.read(min(size, _BLOCK))
            if not block or right.read(len(block)) != block:
                return False
            size -= len(block)
    return True
