"""Where the index of a workspace lies: in the workspace, unless SQLite's locks cannot be trusted or made there."""

from __future__ import annotations

import hashlib
import os
from contextvars import ContextVar
from pathlib import Path

from attnctl import user_cache
from attnctl.workspace.file_systems import mount_of, nearest_existing
from attnctl.workspace.layout import Workspace

FILE_NAME = "attnctl.sqlite"

_APART: ContextVar[Path | None] = ContextVar("apart", default=None)


def keep_apart(folder: Path) -> None:
    """Use an index in this folder from now on: a process that a job starts leaves the user's index alone."""
    _APART.set(folder)


def location(workspace: Workspace) -> Path:
    """The database's file. On a network file system, or where we may not write, it is in the user's cache folder."""
    if (apart := _APART.get()) is not None:
        return apart / FILE_NAME
    root = workspace.root.resolve()
    mount = mount_of(root)
    if (mount is None or not mount.network) and os.access(nearest_existing(root), os.W_OK):
        return root / FILE_NAME
    key = hashlib.sha256(str(root).encode(errors="surrogateescape")).hexdigest()[:12]
    return user_cache.folder() / f"{root.name[:80]}-{key}.sqlite"
