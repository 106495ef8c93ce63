"""Deletes what is no longer needed: surplus checkpoints, leftovers of killed processes, and runs."""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from attnctl.values import SpecError
from attnctl.workspace import checkpoints, user_notes
from attnctl.workspace.layout import RunDir, Workspace

STALE = 3600.0
"""Seconds after which a temporary file no longer belongs to a live process."""

_TEMPORARY = re.compile(r"\..+\.[0-9a-f]{32}|\.exit\.\d+\.json\.\d+|\.[0-9a-f]{16}\.removed-[0-9a-f]{8}")


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
    if run is None:
        folders = [workspace.runs, workspace.submissions, workspace.sweeps, workspace.weights_folder, workspace.root]
        folders += [workspace.bench, workspace.trials_folder, workspace.imports_folder, workspace.notices]
        folders += [workspace.waiting_folder, workspace.datasets]
        folders += [user_notes.of_run(workspace, "").parent, user_notes.of_sweep(workspace, "").parent]
    else:
        incarnations = [item.path for attempt in run.attempts() for item in attempt.incarnations()]
        attempts = [folder for attempt in run.attempts() for folder in (attempt.path, attempt.observed)]
        folders = [run.path, run.checkpoints, *attempts, *incarnations]
    for folder in dict.fromkeys(folders):
        for path in _stale(folder):
            state = "partly deleted" if ".removed-" in path.name else "partly written"
            yield Waste(path=path, bytes=_size(path), reason=state, run=run.id if run is not None else "")


def _stale(folder: Path) -> list[Path]:
    """The stale temporary files in a folder."""
    try:
        with os.scandir(folder) as entries:
            temporary = [Path(entry.path) for entry in entries if _TEMPORARY.fullmatch(entry.name)]
    except (FileNotFoundError, NotADirectoryError):
        return []
    stale = []
    for path in temporary:
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
