"""Which workspace a command works in."""

from __future__ import annotations

from pathlib import Path

import pytest

from attnctl.cli import context
from tests.attnctl.cli.cli_run import Run


def test_the_workspace_is_found_in_parent_folders(attnctl: Run, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    attnctl("init")
    (folder / "a" / "b").mkdir(parents=True)
    monkeypatch.chdir(folder / "a" / "b")
    assert context.config().workspace.root == folder
    monkeypatch.setenv("ATTNCTL_WORKSPACE", str(folder / "a"))
    assert context.config().workspace.root == folder / "a"
