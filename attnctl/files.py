"""Atomic file writes: no reader, crash or concurrent writer ever sees half a file."""

from __future__ import annotations

import contextlib
import errno
import io
import os
import pwd
import shlex
import shutil
import stat
import uuid
from collections.abc import Iterator
from pathlib import Path

GROUP_UMASK = 0o007
"""The umask of a process that writes for a whole group."""


def reason(error: Exception) -> str:
    """An error in words: of the system its message and the file, without the number that Python puts before them."""
    cause = getattr(error, "reason", None)  # urllib's, of what a connection failed with
    if isinstance(cause, OSError):
        error = cause
    if not isinstance(error, OSError) or error.strerror is None:
        return str(error)
    return error.strerror if error.filename is None else f"{error.filename}: {error.strerror}"


def readable_by(path: Path) -> str:
    """What makes a file that we may not read readable: whom to ask, and what they type."""
    blocked = next((part for part in (path, *path.parents) if os.path.lexists(part)), path)
    try:
        owner = pwd.getpwuid(blocked.stat().st_uid).pw_name
    except (OSError, KeyError):
        owner = "its owner"
    command = f"chmod -R g+rX {shlex.quote(str(blocked))}"
    return f"ask {owner} to run {command}, or to share the workspace ([paths] group = true in attnctl.toml)"


def cannot_write(error: BaseException) -> bool:
    """Whether the system had no space for what was written, or does not let us write there."""
    return isinstance(error, OSError) and error.errno in _UNWRITABLE


def no_space(error: BaseException) -> bool:
    """Whether the error means that the disk is full or a quota is exceeded."""
    return isinstance(error, OSError) and error.errno in NO_SPACE


_LONGEST_NAME = 200
"""Bytes; file systems allow 255, and endings and temporary names come on top."""

_OF_ANOTHER_USER = "this folder belongs to another user"

NO_SPACE = {errno.ENOSPC, errno.EDQUOT}
"""The disk is full, or a quota is exceeded."""
_END = 1 << 14
_BLOCK = 1 << 16
_UNWRITABLE = {*NO_SPACE, errno.EACCES, errno.EPERM, errno.EROFS}


def open_regular(path: Path, *, follow: bool = True) -> io.BufferedReader:
    """Open a file for reading if it is a regular one. Raises OSError, for any other kind of file too."""
    return os.fdopen(regular_descriptor(path, follow=follow)[0], "rb")


def read_regular(path: Path | str, *, follow: bool = True) -> bytes:
    """The content of a regular file. Raises OSError, for any other kind of file too."""
    descriptor, size = regular_descriptor(path, follow=follow)
    try:
        parts = []
        while part := os.read(descriptor, max(size, _BLOCK)):  # without a buffer: thousands of small files are read
            parts.append(part)
        return b"".join(parts)
    finally:
        os.close(descriptor)


def regular_descriptor(path: Path | str, *, follow: bool = True) -> tuple[int, int]:
    """The descriptor of a regular file, which the caller closes, and its size in bytes.

    Raises OSError, for any other kind of file too.
    A FIFO would block the caller, and a device may never end, so neither is opened; the second check is for a file that
    was exchanged between the two calls. follow: a symbolic link to a regular file is opened too.
    """
    _check_regular(os.stat(path) if follow else os.lstat(path), path)  # noqa: PTH116 - `path` may be a text
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | (0 if follow else os.O_NOFOLLOW))
    try:
        status = os.fstat(descriptor)
        _check_regular(status, path)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor, status.st_size


def read_end(path: Path) -> bytes:
    """The last 16 KiB of a regular file, such as a log; raises as `open_regular`."""
    with open_regular(path) as stream:
        stream.seek(max(0, os.fstat(stream.fileno()).st_size - _END))
        return stream.read()


def is_regular(path: Path) -> bool:
    """Whether it is a regular file, and not a link to one. Raises OSError."""
    try:
        return stat.S_ISREG(path.lstat().st_mode)
    except FileNotFoundError:
        return False


def is_file_name(text: str) -> bool:
    """Whether a text can be the name of a file in a folder, so that the file is nowhere else."""
    return text[:1] not in {"", "."} and not {"/", "\0"} & set(text) and len(os.fsencode(text)) <= _LONGEST_NAME


def _check_regular(status: os.stat_result, path: Path | str) -> None:
    if stat.S_ISREG(status.st_mode):
        return
    if stat.S_ISDIR(status.st_mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    kind = "a symbolic link" if stat.S_ISLNK(status.st_mode) else "not a regular file"
    raise OSError(errno.EINVAL, f"this is {kind}", str(path))


def write_atomic(path: Path, data: bytes, *, durable: bool = False, mode: int | None = None) -> None:
    """Replace the content of `path` atomically. durable: also survive a power cut; mode: permissions."""
    with atomic_stream(path, durable=durable, mode=mode) as stream:
        stream.write(data)


@contextlib.contextmanager
def atomic_stream(path: Path, *, durable: bool = False, mode: int | None = None) -> Iterator[io.BufferedWriter]:
    """A stream for the new content of `path`, which replaces the old one atomically at the end of the block.

    If the block raises, the old content stays. durable, mode: as in `write_atomic`.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(f".{path.name}.{uuid.uuid4().hex}")
    with _errors_name(path, aside):
        try:
            with aside.open("wb") as stream:
                if mode is not None:
                    os.fchmod(stream.fileno(), mode)
                yield stream
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
def _errors_name(path: Path, aside: Path) -> Iterator[None]:
    """Make errors about the temporary file `aside` name `path`, the only one of the two that the user knows."""
    try:
        yield
    except OSError as error:
        if error.filename == str(aside):
            error.filename = str(path)
        raise


@contextlib.contextmanager
def made_aside(path: Path) -> Iterator[Path]:
    """A temporary path for a file or folder, renamed to `path` on success and deleted on failure.

    What was at `path` is replaced: a file atomically, a non-empty folder in two renames.
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
    """Create `path` with `data` atomically; False when somebody else has already created it. mode: permissions.

    The data is written to a temporary file and linked into place, so that no reader sees half of it. On NFS, link(2)
    can report failure although it succeeded (its BUGS section), so the existing file is read back and compared: `data`
    must be unique to its writer.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(f".{path.name}.{uuid.uuid4().hex}")
    with _errors_name(path, aside):
        try:
            with aside.open("wb") as stream:
                if mode is not None:
                    os.fchmod(stream.fileno(), mode)
                stream.write(data)
            os.link(aside, path)
        except FileExistsError:
            with contextlib.suppress(FileNotFoundError):  # deleted since, or a dangling link: not ours either way
                return read_regular(path) == data
            return False
        finally:
            aside.unlink(missing_ok=True)
        return True


def private_folder(path: Path, mode: int) -> None:
    """Create a folder with the permissions `mode`, plus the execute bit wherever `mode` allows reading.

    An existing folder of ours gets the same permissions. If `mode` includes the group, the setgid bit is set.
    """
    path.mkdir(parents=True, exist_ok=True)
    wanted = mode | (mode & 0o444) >> 2 | (0o2000 if mode & 0o070 else 0)
    status = path.stat()
    if status.st_uid == os.getuid() and stat.S_IMODE(status.st_mode) != wanted:
        path.chmod(wanted)


def own_folder(path: Path) -> None:
    """Create a folder that only this user can enter, in a place that others can write too; or check that it is one.

    Raises OSError if it is a link, belongs to another user, or others could have put something into it.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with contextlib.suppress(FileExistsError):
        path.mkdir(mode=0o700)
    found = path.lstat()
    if stat.S_ISLNK(found.st_mode):
        raise OSError(errno.ELOOP, "this is a symbolic link", str(path))
    if stat.S_ISDIR(found.st_mode) and found.st_uid != os.getuid():  # a closed one could not even be opened
        raise PermissionError(errno.EPERM, _OF_ANOTHER_USER, str(path))
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        status = os.fstat(descriptor)
        if status.st_uid != os.getuid():
            raise PermissionError(errno.EPERM, _OF_ANOTHER_USER, str(path))
        if status.st_mode & 0o022:
            raise PermissionError(errno.EPERM, "others can write into this folder", str(path))
        os.fchmod(descriptor, 0o700)
    finally:
        os.close(descriptor)


def others_can_write_above(path: Path) -> Path | None:
    """The nearest folder above a path in which another user than root could put or exchange something; None if none.

    A sticky folder such as /tmp counts too: on another machine the path may not exist yet, and there anybody can make
    it.
    """
    for folder in path.absolute().parents:
        try:
            status = folder.stat()
        except FileNotFoundError:
            continue
        if status.st_uid not in {0, os.getuid()} or status.st_mode & 0o022:
            return folder
    return None


def sync_folder(folder: Path) -> None:
    """Make the entries of a folder survive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
