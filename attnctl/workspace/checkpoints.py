"""Checkpoint files, handled without torch: their names, order, integrity, and which may be deleted.

A checkpoint is a file of `torch.save`; its SHA-256 is stored in the comment of the zip archive.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
from dataclasses import dataclass
from pathlib import Path

from attnctl.files import open_regular
from attnctl.workspace.layout import RunDir, Workspace, skip_unreadable
from attnctl.workspace.records import Request

KEPT = 2
"""Checkpoints kept while a run trains: the newest, and one to fall back to."""

MARK = b"sha256:"
COMMENT = len(MARK) + 64
"""Bytes of the comment: the mark and the digest."""

_NAME = re.compile(r"(\d+)-(\d+)\.(\d+)\.pt")
_BLOCK = 1 << 24


@dataclass(frozen=True, order=True)
class Name:
    """A checkpoint's name, ordered by its writer's fencing token (attempt, incarnation), then by step.

    The token comes first: a start that fell back to an older checkpoint, the newer being damaged, supersedes it.
    """

    token: tuple[int, int]
    step: int

    @classmethod
    def parse(cls, path: Path | str) -> Name | None:
        """The name of a checkpoint file, given as its path or its name; None for any other file."""
        match = _NAME.fullmatch(path if isinstance(path, str) else path.name)
        return cls((int(match[2]), int(match[3])), int(match[1])) if match else None

    def __str__(self) -> str:
        return f"{self.step}-{self.token[0]}.{self.token[1]}.pt"


def stored(run: RunDir) -> list[Path]:
    """The checkpoints in the run's folder for them, newest first."""
    return _in(run.checkpoints)


def _in(folder: Path) -> list[Path]:
    try:
        names = os.listdir(folder)  # noqa: PTH208 - gc looks into thousands of folders
    except (FileNotFoundError, NotADirectoryError, PermissionError):
        return []
    named = [(parsed, name) for name in names if (parsed := Name.parse(name)) is not None]
    return [folder / name for _, name in sorted(named, reverse=True)]


def located(run: RunDir) -> list[Path]:
    """The run's checkpoints, newest first, wherever they are.

    If there are none in its folder, then [paths] checkpoints may have been changed: those in the first of the other
    folders that has any. They are only read there.
    """
    for folder in (run.checkpoints, *others(run)):
        if found := _in(folder):
            return found
    return []


def others(run: RunDir) -> list[Path]:
    """The folders besides today's in which checkpoints of the run may lie: those that its attempts have used."""
    folders = list(run.also)
    for attempt in reversed(run.attempts()):
        with skip_unreadable():
            request = Request.read(attempt.request)
            if request is not None and run.root is not None:
                used = run.root / request.checkpoints if request.checkpoints else None
                folders.append(Workspace(run.root, run.path.parent, used).run(run.id).checkpoints)
    return [folder for folder in dict.fromkeys(folders) if folder != run.checkpoints]


def newest(run: RunDir) -> Path | None:
    """The file of the newest checkpoint in any of the folders, or None."""
    return next(iter(located(run)), None)


def newest_step(run: RunDir) -> int | None:
    """The step of the newest checkpoint in any of the folders, or None."""
    path = newest(run)
    name = Name.parse(path) if path is not None else None
    return name.step if name is not None else None


def is_undamaged(path: Path) -> bool:
    """Whether the file is undamaged: its content matches its digest. Reads the whole file."""
    with contextlib.suppress(OSError), open_regular(path) as stream:
        left = path.stat().st_size - COMMENT - 2
        if left < 0:
            return False
        digest = hashlib.sha256()
        while left and (block := stream.read(min(left, _BLOCK))):
            digest.update(block)
            left -= len(block)
        digest.update(b"\0\0")
        return stream.read()[2:] == MARK + digest.hexdigest().encode()
    return False


def surplus(run: RunDir, keep: int) -> list[Path]:
    """The checkpoints to delete so that the `keep` newest undamaged ones stay; none if all are damaged."""
    files = stored(run)
    if not keep:
        return files
    good: list[Path] = []
    for path in files if len(files) > keep else ():
        if len(good) < keep and is_undamaged(path):
            good.append(path)
    return [path for path in files if path not in good] if good else []
