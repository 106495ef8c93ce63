"""Copies a data set to the node's local disk, once for all processes and jobs on the node."""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from filelock import FileLock

from attnctl.files import own_folder, read_regular, reason, write_atomic
from attnctl.jobs.data.errors import DataError, reading_error

_HALF = ".attnctl-half-"
_THREADS = 16  # copying many small files mostly waits for the file server


def staged(folder: Path, stage: Path | bool) -> Path:
    """`folder`, or its copy on this node. stage: whether to copy it, and below which folder (`DataRoots.staging`)."""
    return copy_to_node(folder, root=stage if isinstance(stage, Path) else None) if stage else folder


def copy_to_node(folder: Path, environ: Mapping[str, str] = os.environ, root: Path | None = None) -> Path:
    """Copy `folder` below `root`, or SLURM_TMPDIR, TMPDIR or /tmp, once; the first process copies it, others wait.

    SLURM_TMPDIR is usually deleted with its job; below a `root` on the node's disk, all jobs share the copy.

    The kernel releases the lock of a process that dies while copying, and the next one starts over. A copy belongs to
    the folder's path and its top-level entries. Files that a cleaner of old files has deleted from it are copied again.
    Raises DataError if the disk is too small, or if another user could have prepared the folder.
    """
    base = (root or _local_disk(environ)) / f"attnctl-{os.getuid()}"
    try:
        own_folder(base)
    except OSError as error:
        own = "stage_root under [data]" if root is not None else "TMPDIR"
        advice = f"set {own} to your own folder, or stage = false under [data]"
        raise DataError(f"{base}: {error.strerror}; {advice}") from error
    target = base / _fingerprint(folder)
    target.mkdir(exist_ok=True)
    copy, count = target / "data", target / "count"
    with FileLock(target / "lock", fallback_to_soft=False):
        if copy.exists() and _recorded(count) == _files(copy):
            return copy
        new = not copy.exists()
        partial = target / "partial" if new else copy  # a copy that other jobs read stays where it is
        if new:
            shutil.rmtree(partial, ignore_errors=True)
        try:
            _copy_missing(folder, partial)
        except OSError as error:
            if new:
                shutil.rmtree(partial, ignore_errors=True)
            message = f"cannot copy {folder} to {target}: {reason(error)}; set stage = false under [data]"
            raise reading_error(message, error) from error
        partial.rename(copy)
        write_atomic(count, str(_files(copy)).encode())
    return copy


def _recorded(count: Path) -> int | None:
    """How many files a copy had when it was complete; None if that is not known."""
    try:
        text = read_regular(count).decode()
    except OSError:
        return None
    return int(text) if text.isdecimal() else None


def _files(copy: Path) -> int:
    """How many files there are; cleaners delete whole files."""
    return sum(not name.startswith(_HALF) for _, _, names in os.walk(copy) for name in names)


def _local_disk(environ: Mapping[str, str]) -> Path:
    folder = environ.get("SLURM_TMPDIR") or environ.get("TMPDIR")
    return Path(folder) if folder else Path(tempfile.gettempdir())


def _fingerprint(folder: Path) -> str:
    """A hash of the path, and of the names, sizes and times of the entries in it and in its subfolders."""
    entries = [entry for part in (folder, *_folders(folder)) for entry in os.scandir(part)]
    lines = [str(folder.resolve())]
    for entry in sorted(entries, key=lambda entry: entry.path):
        status = entry.stat()
        lines.append(f"{entry.path} {status.st_size} {status.st_mtime_ns}")
    return hashlib.sha256("\n".join(lines).encode(errors="surrogateescape")).hexdigest()[:16]


def _folders(folder: Path) -> list[Path]:
    return [Path(entry.path) for entry in os.scandir(folder) if entry.is_dir()]


def _copy_missing(source: Path, target: Path) -> None:
    """Copy the files below `source` that `target` lacks, many at a time, following links.

    Raises OSError for the first that fails.
    """
    with ThreadPoolExecutor(_THREADS) as pool:
        for folder, _, names in os.walk(source, followlinks=True):
            copied = target / Path(folder).relative_to(source)
            copied.mkdir(parents=True, exist_ok=True)
            missing = [name for name in names if not (copied / name).exists()]
            list(pool.map(_copy, (Path(folder, name) for name in missing), (copied / name for name in missing)))


def _copy(source: Path, target: Path) -> None:
    """Copy a file under another name and rename it: nobody reads half of one."""
    half = target.with_name(_HALF + hashlib.sha256(os.fsencode(target.name)).hexdigest()[:16])
    shutil.copyfile(source, half)
    half.rename(target)
