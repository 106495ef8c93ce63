"""An attnctl that is older than a workspace says so first, and writes nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from attnctl import __version__
from attnctl.cli.registry import COMMANDS
from attnctl.files import write_atomic
from attnctl.settings import config as settings
from attnctl.values import SpecError
from attnctl.workspace import version
from attnctl.workspace.layout import Workspace
from tests.attnctl.cli.cli_run import Run, assert_refused, listing

ARGUMENTS = {
    "archive": ["first", "-o", "x.tar.gz"],
    "bench": ["none"],
    "cam": ["3fa2"],
    "cancel": ["3fa2"],
    "data": ["list"],
    "db": ["path"],
    "diff": ["3fa2", "81bc"],
    "eval": ["3fa2"],
    "errors": ["3fa2"],
    "export": ["--format", "csv", "-o", "x.csv"],
    "figure": ["ela:3"],
    "histogram": ["3fa2"],
    "import": ["x.csv"],
    "logs": ["3fa2"],
    "merge": ["other"],
    "name": ["first", "second"],
    "note": ["first", "text"],
    "plot": ["3fa2"],
    "predict": ["3fa2", "x.png"],
    "prune-curve": ["3fa2"],
    "reproduce": ["nam"],
    "rm": ["first"],
    "show": ["3fa2"],
    "sweep": ["none"],
    "tag": ["first", "good"],
    "try": ["none"],
    "verdict": ["nam"],
    "why": ["3fa2"],
}
"""The arguments that a command needs."""

WITHOUT_A_WORKSPACE = {
    "audit",
    "complexity",
    "modules",
    "backbones",
    "datasets",
    "models",
    "paper",
    "papers",
    "recipes",
    "weights",
}


def upgraded(folder: Path) -> None:
    """A workspace of a newer attnctl, with settings that this one does not know."""
    write_atomic(folder / version.FILE_NAME, version.Format(version=version.VERSION + 1, attnctl="9.1.0").encode())
    write_atomic(folder / "attnctl.toml", b"[galaxy]\nplanet = 42\n")


@pytest.mark.parametrize("command", sorted({command.name for command in COMMANDS} - WITHOUT_A_WORKSPACE))
def test_every_command_refuses_a_newer_workspace_first(command: str, folder: Path, attnctl: Run) -> None:
    upgraded(folder)
    before = listing(folder)
    result = attnctl(command, *ARGUMENTS.get(command, []))
    assert_refused(result, command)
    assert result.err == (
        f"attnctl: workspace {folder} was written by a newer attnctl, 9.1.0: its files have version "
        f"{version.VERSION + 1}, but attnctl {__version__} reads version {version.VERSION}; upgrade attnctl (nothing "
        f"was changed)\n"
    )
    assert listing(folder) == before


def test_a_submission_records_the_version_once(folder: Path) -> None:
    workspace = Workspace(folder)
    version.mark(workspace)
    record = version.Format.read(folder / version.FILE_NAME)
    assert record == version.Format(version=version.VERSION, attnctl=__version__)
    written = (folder / version.FILE_NAME).stat().st_mtime_ns
    version.mark(workspace)
    assert (folder / version.FILE_NAME).stat().st_mtime_ns == written
    version.check(folder)


@pytest.mark.parametrize("content", [b"", b"{", b'{"version": "2", "attnctl": "1"}'])
def test_a_damaged_record_stops_nothing(content: bytes, folder: Path) -> None:
    write_atomic(folder / version.FILE_NAME, content)
    version.check(folder)


def test_a_job_goes_on_in_a_workspace_that_was_upgraded_while_it_waited(folder: Path) -> None:
    write_atomic(folder / version.FILE_NAME, version.Format(version=version.VERSION + 1, attnctl="9.1.0").encode())
    with pytest.raises(SpecError, match="was written by a newer attnctl"):
        settings.find(folder, folder, {})
    assert settings.find(folder, folder, {}, newer=True).workspace.root == folder
