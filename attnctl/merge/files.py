"""Choosing the later copy of each file in two copies of an attempt's folder, one of which may be partial."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from attnctl.files import open_regular, read_regular
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
    for parent, subfolders, names in os.walk(folder):
        subfolders[:] = [name for name in subfolders if name[0] != "."]
        base = Path(parent).relative_to(folder)
        folders.update(str(base / name) for name in subfolders)
        files.update({str(base / name): Path(parent) / name for name in names if name[0] != "."})
    return Content(files, frozenset(folders))


def united(ours: Path, theirs: Path) -> tuple[Content, bool]:
    """The later copy of each file, and whether any of these is theirs.

    A file that is a prefix of the other is the earlier one. Raises RecordError if two copies contradict each other,
    which no partial copy explains.
    """
    our_content, their_content = content(ours), content(theirs)
    later = {**their_content.files, **our_content.files}
    for name in our_content.files.keys() & their_content.files.keys():
        if _later(our_content.files[name], their_content.files[name], name):
            later[name] = their_content.files[name]
    folders = our_content.folders | their_content.folders
    changed = folders != our_content.folders or any(path != our_content.files.get(name) for name, path in later.items())
    return Content(later, folders), changed


def _later(ours: Path, theirs: Path, name: str) -> bool:
    """Whether their copy of a file is the later one."""
    sizes = ours.stat().st_size, theirs.stat().st_size
    if same_beginning(ours, theirs, min(sizes)):
        return sizes[1] > sizes[0]
    if has_one_writer(Path(name)):
        raise RecordError(f"{ours} and {theirs} are of one attempt, and differ: one of them was changed")
    # less important files, such as logs: the choice does not depend on the direction of the merge
    return (sizes[1], read_regular(theirs)) > (sizes[0], read_regular(ours))


def same_beginning(first: Path, second: Path, size: int) -> bool:
    """Whether the first `size` bytes of two files are the same."""
    with open_regular(first) as first_stream, open_regular(second) as second_stream:
        while size > 0:
            block = first_stream.read(min(size, _BLOCK))
            if not block or second_stream.read(len(block)) != block:
                return False
            size -= len(block)
    return True
