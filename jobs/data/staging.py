"""A copy of a data set on this node's own disk, made once for all processes and jobs on the node."""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from filelock import FileLock

from attnctl.jobs.data.errors import DataError

_THREADS = 16  # copying many small files is waiting for the file server


def staged(folder: Path, environ: Mapping[str, str] = os.environ) -> Path:
    """The copy of `folder` below SLURM_TMPDIR, TMPDIR or /tmp; the first process makes it and the others wait.

    The lock is the kernel's: a process that dies while copying gives it back, and the next one starts over. A copy
    belongs to the folder's path and to what lies in it at the top. Raises DataError when the disk is too small.
    """
    own = _node_disk(environ) / f"attnctl-{os.getuid()}"
    own.mkdir(mode=0o700, parents=True, exist_ok=True)
    if own.stat().st_uid != os.getuid():
        raise DataError(f"{own} belongs to another user; set TMPDIR to a folder of your own, or stage = false")
    place = own / _fingerprint(folder)
    place.mkdir(exist_ok=True)
    copy = place / "data"
    with FileLock(place / "lock", fallback_to_soft=False):
        if not copy.exists():
            partial = place / "partial"
            shutil.rmtree(partial, ignore_errors=True)
            try:
                _copy_tree(folder, partial)
            except OSError as error:
                shutil.rmtree(partial, ignore_errors=True)
                raise DataError(f"cannot copy {folder} to {place}: {error}; set stage = false under [data]") from error
            partial.rename(copy)  # complete, or not there
    return copy


def _node_disk(environ: Mapping[str, str]) -> Path:
    named = environ.get("SLURM_TMPDIR") or environ.get("TMPDIR")
    return Path(named) if named else Path(tempfile.gettempdir())


def _fingerprint(folder: Path) -> str:
    """Of the path, and of names, sizes and times of what is in it and in its parts."""
    entries = [entry for part in (folder, *_folders(folder)) for entry in os.scandir(part)]
    facts = [str(folder.resolve())]
    for entry in sorted(entries, key=lambda entry: entry.path):
        status = entry.stat()
        facts.append(f"{entry.path} {status.st_size} {status.st_mtime_ns}")
    return hashlib.sha256("\n".join(facts).encode(errors="surrogateescape")).hexdigest()[:16]


def _folders(folder: Path) -> list[Path]:
    return [Path(entry.path) for entry in os.scandir(folder) if entry.is_dir()]


def _copy_tree(source: Path, target: Path) -> None:
    """Every file below `source`, many at a time; links are followed. Raises OSError of the first that fails."""
    with ThreadPoolExecutor(_THREADS) as pool:
        for folder, _, names in os.walk(source, followlinks=True):
            here = target / Path(folder).relative_to(source)
            here.mkdir(parents=True, exist_ok=True)
            list(pool.map(shutil.copyfile, (Path(folder, name) for name in names), (here / name for name in names)))
