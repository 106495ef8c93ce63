"""Choosing the later copy of each file in two copies of an attempt's folder, one of which may be partial."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from attnctl.files import is_regular, open_regular, read_regular
from attnctl.workspace.layout import has_one_writer
from attnctl.workspace.records import RecordError

_BLOCK = 1 << 20


def links(folders: Iterable[Path]) -> Iterator[str]:
    """What is not copied from these folders, in words: symbolic links, and files that are not regular ones."""
    for folder in folders:
        if folder.is_symlink():
            yield f"{folder} is a symbolic link"
            continue
        for parent, subfolders, names in os.walk(folder):
            for path in sorted(Path(parent, name) for name in (*subfolders, *names) if name[0] != "."):
                if path.is_symlink():
                    yield f"{path} is a symbolic link"
                elif not path.is_dir() and not is_regular(path):
                    yield f"{path} is not a regular file"


def copy_file(source: Path, target: Path) -> None:
    """Copy a regular file with its permissions and time, atomically. Raises OSError, for a link too."""
    aside = target.with_name(f".{target.name}.merge")
    with open_regular(source, follow=False) as stream, aside.open("wb") as output:
        status = os.fstat(stream.fileno())
        shutil.copyfileobj(stream, output, _BLOCK)
        os.fchmod(output.fileno(), status.st_mode & 0o777)
    os.utime(aside, ns=(status.st_atime_ns, status.st_mtime_ns))
    aside.replace(target)


def copy_folder(source: Path, target: Path, *, hidden: bool = False) -> None:
    """Copy a folder's regular files and folders; links and other kinds of file are left out, and hidden ones unless
    asked for."""
    found = content(source, hidden=hidden)
    target.mkdir()
    for name in sorted(found.folders):
        (target / name).mkdir(parents=True, exist_ok=True)
    for name, path in found.files.items():
        copy_file(path, target / name)


@dataclass(frozen=True)
class Content:
    """The content of an attempt's folder: files by relative path, and folders."""

    files: dict[str, Path]
    folders: frozenset[str]


def content(folder: Path, *, links: bool = False, hidden: bool = False) -> Content:
    """The content of a folder. links: with symbolic links. hidden: with unfinished files (of names with a dot)."""

    def taken(path: Path) -> bool:
        return (hidden or path.name[0] != ".") and (links or not path.is_symlink())

    files: dict[str, Path] = {}
    folders: set[str] = set()
    for parent, subfolders, names in os.walk(folder):
        subfolders[:] = [name for name in subfolders if taken(Path(parent, name))]
        base = Path(parent).relative_to(folder)
        folders.update(str(base / name) for name in subfolders)
        paths = [path for path in (Path(parent, name) for name in names) if taken(path)]
        files.update({str(base / path.name): path for path in paths if links or is_regular(path)})
    return Content(files, frozenset(folders))


def united(ours: Path, theirs: Path) -> tuple[Content, bool]:
    """The later copy of each file, and whether any of these is theirs.

    A file that is a prefix of the other is the earlier one. Raises RecordError if two copies contradict each other,
    which no partial copy explains.
    """
    our_content, their_content = content(ours, links=True), content(theirs)
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
