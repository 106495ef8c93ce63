"""Removing what is not needed any more: checkpoints by rule, what killed writers left, and runs."""

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
from attnctl.workspace import checkpoints
from attnctl.workspace.layout import RunDir, Workspace

STALE = 3600.0
"""Seconds after which a file that a writer made aside is nobody's any more."""

_ASIDE = re.compile(r"\..+\.[0-9a-f]{32}|\.exit\.\d+\.json\.\d+|\.[0-9a-f]{16}\.removed-[0-9a-f]{8}")


@dataclass(frozen=True, kw_only=True)
class Waste:
    """A file or folder that may go, with the reason. run: whose it is, empty for none."""

    path: Path
    bytes: int
    reason: str
    run: str = ""


def checkpoints_of(run: RunDir, keep: int, reason: str) -> list[Waste]:
    """The checkpoints of a run beyond the `keep` newest good ones. Reads them to see which are good."""
    return [Waste(path=path, bytes=_size(path), reason=reason, run=run.id) for path in checkpoints.surplus(run, keep)]


def leftovers(workspace: Workspace, run: RunDir | None = None) -> Iterator[Waste]:
    """What killed writers left in a run's folders, or else (None) in the workspace's own."""
    if run is None:
        folders = [workspace.runs, workspace.submissions, workspace.sweeps, workspace.weights_folder, workspace.root]
        folders += [workspace.bench, workspace.imports_folder, workspace.notices]
    else:
        incarnations = [item.path for attempt in run.attempts() for item in attempt.incarnations()]
        attempts = [folder for attempt in run.attempts() for folder in (attempt.path, attempt.observed)]
        folders = [run.path, run.checkpoints, *attempts, *incarnations]
    for folder in dict.fromkeys(folders):
        for path in _aside(folder):
            words = "half removed" if ".removed-" in path.name else "half written"
            yield Waste(path=path, bytes=_size(path), reason=words, run=run.id if run is not None else "")


def _aside(folder: Path) -> list[Path]:
    """What was made aside in a folder and is stale, by the file system's own clock where that can be asked."""
    try:
        with os.scandir(folder) as entries:
            found = [Path(entry.path) for entry in entries if _ASIDE.fullmatch(entry.name)]
    except (FileNotFoundError, NotADirectoryError):
        return []
    stale = []
    for path in found:
        with contextlib.suppress(FileNotFoundError):
            if time.time() - path.lstat().st_mtime > STALE:
                stale.append(path)
    return sorted(stale)


def remove(waste: Waste) -> bool:
    """Remove it; False when somebody else was faster. Raises OSError."""
    try:
        if waste.path.is_dir() and not waste.path.is_symlink():
            shutil.rmtree(waste.path)
        else:
            waste.path.unlink()
    except FileNotFoundError:
        return False
    return True


def remove_run(workspace: Workspace, run_id: str) -> None:
    """Remove a run: by one rename it is gone, and then its files. Raises SpecError, OSError.

    A kill between the two leaves a folder that `gc` knows.
    """
    run = workspace.run(run_id)
    if run.path.parent != workspace.runs or not run.path.is_dir():
        raise SpecError(f"run {run_id} has no folder in {workspace.runs}")
    aside = workspace.runs / f".{run_id}.removed-{secrets.token_hex(4)}"
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
