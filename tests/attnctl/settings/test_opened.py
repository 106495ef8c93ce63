"""The workspace that a program names must be one."""

from __future__ import annotations

from pathlib import Path

import pytest

from attnctl.settings.config import ConfigError
from attnctl.settings.opened import opened


def test_a_folder_with_settings_or_runs_is_a_workspace(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "attnctl.toml").touch()
    (tmp_path / "b" / "runs").mkdir(parents=True)
    for name in ("a", "b"):
        assert opened(tmp_path / name).workspace.root == tmp_path / name
        assert opened(str(tmp_path / name)).workspace.root == tmp_path / name


def test_any_other_path_is_refused(tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    (tmp_path / "file").touch()
    for name, message in (
        ("gone", "does not exist"),
        ("other", "is not a workspace: it has neither attnctl.toml nor runs"),
        ("file", "is not a folder"),
    ):
        with pytest.raises(ConfigError, match=message):
            opened(tmp_path / name)
