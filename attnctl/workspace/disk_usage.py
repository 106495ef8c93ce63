"""What uses the space of a workspace: the checkpoints, logs and records of each run, and what runs share."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, fields
from pathlib import Path

from attnctl.workspace import checkpoints
from attnctl.workspace.layout import RunDir, Workspace


@dataclass(frozen=True)
class Usage:
    """Bytes by kind. records: everything else, such as metrics, results and predictions."""

    checkpoints: int = 0
    logs: int = 0
    records: int = 0

    @property
    def total(self) -> int:
        """All bytes."""
        return self.checkpoints + self.logs + self.records

    def __add__(self, other: Usage) -> Usage:
        return Usage(*(getattr(self, item.name) + getattr(other, item.name) for item in fields(self)))


def of_run(run: RunDir) -> Usage:
    """The usage of a run, with its checkpoints wherever they lie."""
    usage = Usage()
    for path, count in _files(run.path):
        parts = path.relative_to(run.path).parts
        if parts[0] == "checkpoints":
            usage += Usage(checkpoints=count)
        elif _is_log(path):
            usage += Usage(logs=count)
        else:
            usage += Usage(records=count)
    for folder in (run.checkpoints, *checkpoints.others(run)):
        if not folder.is_relative_to(run.path):
            usage += Usage(checkpoints=sum(count for _, count in _files(folder)))
    return usage


def shared(workspace: Workspace) -> dict[str, Usage]:
    """What belongs to no single run, by folder; folders without files are left out."""
    folders = (
        workspace.weights_folder,
        workspace.code,
        workspace.sources,
        workspace.submissions,
        workspace.sweeps,
        workspace.waiting_folder,
        workspace.datasets,
        workspace.bench,
        workspace.trials_folder,
        workspace.packing_folder,
        workspace.imports_folder,
        workspace.notices,
        workspace.annotations,
        workspace.doctor_folder,
    )
    found = {folder.name: _of_folder(folder) for folder in folders}
    return {name: usage for name, usage in found.items() if usage.total}


def _of_folder(folder: Path) -> Usage:
    usage = Usage()
    for path, count in _files(folder):
        usage += Usage(logs=count) if path.suffix == ".out" else Usage(records=count)
    return usage


def _is_log(path: Path) -> bool:
    return path.name == "worker.txt" or (path.name.startswith("log.") and path.suffix == ".txt")


def _files(folder: Path) -> Iterator[tuple[Path, int]]:
    """The files below a folder with their bytes; links are not followed, and files that vanish are left out."""
    for parent, _, names in os.walk(folder):
        for name in names:
            path = Path(parent, name)
            try:
                yield path, path.lstat().st_size
            except OSError:  # deleted meanwhile: the training replaces its checkpoints
                continue
