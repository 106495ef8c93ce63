"""Opens the workspace that a program names, which must be one."""

from __future__ import annotations

import os
from pathlib import Path

from attnctl.settings.config import FILE_NAME, Config, ConfigError, find
from attnctl.workspace import version

_SIGNS = (FILE_NAME, version.FILE_NAME, "runs", "submissions", "sweeps")
"""A workspace has at least one of these."""


def opened(workspace: str | os.PathLike[str]) -> Config:
    """The workspace in this folder, with its settings. Raises ConfigError unless the folder is a workspace."""
    folder = Path(workspace).expanduser()
    config = find(folder, Path.cwd(), {})
    if not config.workspace.root.is_dir():
        raise ConfigError(f"workspace {folder} does not exist; create it with attnctl.sweep or `attnctl init`")
    if not any((config.workspace.root / name).exists() for name in _SIGNS) and not config.workspace.runs.is_dir():
        raise ConfigError(f"{folder} is not a workspace: it has neither {FILE_NAME} nor runs")
    return config
