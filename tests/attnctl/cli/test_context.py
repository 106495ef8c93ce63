"""Which workspace a command works in."""

from __future__ import annotations

import contextvars
from pathlib import Path

import pytest

from attnctl.cli import context
from attnctl.settings.config import find
from tests.attnctl.cli.cli_run import Run


def test_the_workspace_is_found_in_parent_folders(attnctl: Run, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    attnctl("init")
    (folder / "a" / "b").mkdir(parents=True)
    monkeypatch.chdir(folder / "a" / "b")
    assert context.config().workspace.root == folder
    monkeypatch.setenv("ATTNCTL_WORKSPACE", str(folder / "a"))
    assert context.config().workspace.root == folder / "a"


def test_a_repeated_command_has_the_settings_that_it_was_given(
    attnctl: Run, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    attnctl("init")
    settings = find(folder, folder, {})
    monkeypatch.setenv("ATTNCTL_WORKSPACE", str(folder / "elsewhere"))

    def repeated() -> bool:
        context.freeze(settings)
        return context.config() is settings and context.is_repeated()

    assert contextvars.copy_context().run(repeated)
    assert not context.is_repeated()
