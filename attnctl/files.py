"""Writing files so that a reader, a crash or another writer never meets half of one."""

from __future__ import annotations

import contextlib
import os
import shutil
import stat
import uuid
from collections.abc import Iterator
from pathlib import Path

GROUP_UMASK = 0o007
"""Of a process that writes for a whole group."""


def write_atomic(path: Path, data: bytes, *, durable: bool = False, mode: int | None = None) -> None:
    """Replace `path` by `data` in one step; `durable` also survives a power cut. mode: its permissions."""
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(f".{path.name}.{uuid.uuid4().hex}")
    try:
        with aside.open("wb") as stream:
            if mode is not None:
                os.fchmod(stream.fileno(), mode)
            stream.write(data)
            if durable:
                stream.flush()
                os.fsync(stream.fileno())
        aside.replace(path)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            aside.unlink()
        raise
    if durable:
        sync_folder(path.parent)


@contextlib.contextmanager
def made_aside(path: Path) -> Iterator[Path]:
    """Where to make a file or a folder that takes the name `path` when all went well, and is gone when it did not.

    What stood there gives way: a file in one step, a folder that is not empty in two renames.
    """
    aside = path.with_name(f".{path.name}.{uuid.uuid4().hex}")
    before = aside.with_name(f"{aside.name}.before")
    try:
        yield aside
        if path.is_dir():
            path.rename(before)
        try:
            aside.replace(path)
        except BaseException:
            if before.exists():
                before.rename(path)
            raise
    finally:
        for rest in (aside, before):
            if rest.is_dir():
                shutil.rmtree(rest)
            else:
                rest.unlink(missing_ok=True)


def create_exclusive(path: Path, data: bytes, *, mode: int | None = None) -> bool:
    """Create `path` with `data`, whole or not at all; False when it is somebody else's already. mode: its permissions.

    The data is written aside and linked into place, so that no reader sees half of it. A link over NFS can report
    failure although it was made, so what stands there is read back and compared: `data` must be unique to its maker.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(f".{path.name}.{uuid.uuid4().hex}")
    try:
        with aside.open("wb") as stream:
            if mode is not None:
                os.fchmod(stream.fileno(), mode)
            stream.write(data)
        os.link(aside, path)
    except FileExistsError:
        with contextlib.suppress(FileNotFoundError):  # it is gone again, or a link to nowhere: not ours either way
            return path.read_bytes() == data
        return False
    finally:
        aside.unlink(missing_ok=True)
    return True


def private_folder(path: Path, mode: int) -> None:
    """Make a folder with the files' permissions `mode`, and the right to enter it for those who may read.

    One that is there already, and is ours, gets them too; for a group, what is made in it is the group's.
    """
    path.mkdir(parents=True, exist_ok=True)
    wanted = mode | (mode & 0o444) >> 2 | (0o2000 if mode & 0o070 else 0)
    status = path.stat()
    if status.st_uid == os.getuid() and stat.S_IMODE(status.st_mode) != wanted:
        path.chmod(wanted)


def sync_folder(folder: Path) -> None:
    """Make the names in a folder survive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
