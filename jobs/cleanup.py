"""Deletes what is no longer needed: surplus checkpoints, leftovers of killed processes, and runs."""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import shutil
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from attnctl.values import SpecError
from attnctl.workspace import checkpoints, user_notes
from attnctl.workspace.layout import Attempt, RunDir, Workspace

STALE = 3600.0
"""Seconds after which a temporary file no longer belongs to a live process."""

_TEMPORARY = re.compile(r"\..+\.[0-9a-f]{32}|\.exit\.\d+\.json\.\d+|\.[0-9a-f]{16}\.removed-[0-9a-f]{8}")

_ATTEMPTS = RunDir(Path(), Path()).attempts_folder.name
_OBSERVED = Attempt(Path(), 1).observed.name


@dataclass(frozen=True, kw_only=True)
class Waste:
    """A file or folder that may be deleted, and why. run: the id of the run that it belongs to, or empty."""

    path: Path
    bytes: int
    reason: str
    run: str = ""


def checkpoints_of(run: RunDir, keep: int, reason: str) -> list[Waste]:
    """The checkpoints of a run beyond the `keep` newest valid ones. Reads the files to see which are valid."""
    return [Waste(path=path, bytes=_size(path), reason=reason, run=run.id) for path in checkpoints.surplus(run, keep)]


def leftovers(workspace: Workspace, run: RunDir | None = None) -> Iterator[Waste]:
    """What killed processes left in the folders of a run or, if it is None, in the workspace's own folders."""
    if run is not None:
        folders = _of_run(str(run.path), str(run.checkpoints))
    else:
        named = [workspace.runs, workspace.submissions, workspace.sweeps, workspace.weights_folder, workspace.root]
        named += [workspace.bench, workspace.trials_folder, workspace.imports_folder, workspace.notices]
        named += [workspace.waiting_folder, workspace.datasets]
        named += [user_notes.of_run(workspace, "").parent, user_notes.of_sweep(workspace, "").parent]
        folders = ((folder, _names(folder)) for folder in map(str, dict.fromkeys(named)))
    for folder, names in folders:
        for path in _stale(folder, names):
            state = "partly deleted" if ".removed-" in path.name else "partly written"
            yield Waste(path=path, bytes=_size(path), reason=state, run=run.id if run is not None else "")


def _of_run(folder: str, checkpoints_folder: str) -> Iterator[tuple[str, list[str]]]:
    """The folders of a run in which files are written, and the names in them: texts, and each folder is read once."""
    yield folder, _names(folder)
    yield checkpoints_folder, _names(checkpoints_folder)
    attempts = f"{folder}/{_ATTEMPTS}"
    for attempt in (f"{attempts}/{name}" for name in _names(attempts) if name.isdecimal()):
        names = _names(attempt)
        yield attempt, names
        for inner in (f"{attempt}/{name}" for name in names if name.isdecimal() or name == _OBSERVED):
            yield inner, _names(inner)


def _names(folder: str) -> list[str]:
    try:
        return os.listdir(folder)  # noqa: PTH208 - a Path for each of thousands of files would take twice the time
    except (FileNotFoundError, NotADirectoryError):
        return []


def _stale(folder: str, names: Iterable[str]) -> list[Path]:
    """The stale temporary files in a folder."""
    stale = []
    for path in (Path(folder, name) for name in names if name[0] == "." and _TEMPORARY.fullmatch(name)):
        with contextlib.suppress(FileNotFoundError):
            if time.time() - path.lstat().st_mtime > STALE:
                stale.append(path)
    return sorted(stale)


def remove(waste: Waste) -> bool:
    """Delete it; returns False if another process was faster. Raises OSError."""
    try:
        if waste.path.is_dir() and not waste.path.is_symlink():
            shutil.rmtree(waste.path)
        else:
            waste.path.unlink()
    except FileNotFoundError:
        return False
    return True


def remove_run(workspace: Workspace, run_id: str) -> None:
    """Delete a run: rename its folder, then delete the files. Raises SpecError and OSError.

    If the process is killed in between, `gc` deletes the renamed folder later.
    """
    run = workspace.run(run_id)
    if run.path.parent != workspace.runs or not run.path.is_dir():
        raise SpecError(f"run {run_id} has no folder in {workspace.runs}")
    aside = workspace.runs / f".{run_id}.removed-{secrets.token_hex(4)}"
    workspace.waiting(run_id).unlink(missing_ok=True)
    user_notes.of_run(workspace, run_id).unlink(missing_ok=True)
    run.path.rename(aside)
    shutil.rmtree(aside)
    if workspace.checkpoints_root is not None:
        shutil.rmtree(run.checkpoints, ignore_errors=True)


def _size(path: Path) -> int:
    with contextlib.suppress(OSError):
        if path.is_dir() and not path.is_symlink():
            return sum(_size(item) for item in path.iterdir())
        return path.lstat().st_size
    return 0
