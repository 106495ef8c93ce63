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

from attnctl.files import own_folder, reason
from attnctl.jobs.data.errors import DataError, reading_error

_THREADS = 16  # copying many small files mostly waits for the file server


def copy_to_node(folder: Path, environ: Mapping[str, str] = os.environ) -> Path:
    """Copy `folder` below SLURM_TMPDIR, TMPDIR or /tmp, once; the first process copies it and the others wait.

    The kernel releases the lock of a process that dies while copying, and the next one starts over. A copy belongs to
    the folder's path and its top-level entries. Raises DataError if the disk is too small, or if another user could
    have prepared the folder.
    """
    base = _local_disk(environ) / f"attnctl-{os.getuid()}"
    try:
        own_folder(base)
    except OSError as error:
        advice = "set TMPDIR to your own folder, or stage = false under [data]"
        raise DataError(f"{base}: {error.strerror}; {advice}") from error
    target = base / _fingerprint(folder)
    target.mkdir(exist_ok=True)
    copy = target / "data"
    with FileLock(target / "lock", fallback_to_soft=False):
        if not copy.exists():
            partial = target / "partial"
            shutil.rmtree(partial, ignore_errors=True)
            try:
                _copy_tree(folder, partial)
            except OSError as error:
                shutil.rmtree(partial, ignore_errors=True)
                message = f"cannot copy {folder} to {target}: {reason(error)}; set stage = false under [data]"
                raise reading_error(message, error) from error
            partial.rename(copy)  # so that an existing copy is complete
    return copy


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


def _copy_tree(source: Path, target: Path) -> None:
    """Copy every file below `source`, many at a time, following links. Raises OSError for the first that fails."""
    with ThreadPoolExecutor(_THREADS) as pool:
        for folder, _, names in os.walk(source, followlinks=True):
            copied = target / Path(folder).relative_to(source)
            copied.mkdir(parents=True, exist_ok=True)
            list(pool.map(shutil.copyfile, (Path(folder, name) for name in names), (copied / name for name in names)))
