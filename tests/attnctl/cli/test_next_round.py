"""Repeating the command of a search: tests/jobs/submission/test_next_rounds.py starts it as a job does."""

from __future__ import annotations

import contextvars
import dataclasses
from pathlib import Path

import pytest

from attnctl.cli import context, next_round
from attnctl.settings.config import find
from attnctl.workspace import waiting_searches
from attnctl.workspace.layout import Workspace
from attnctl.workspace.waiting_searches import WaitingSearch


def called(*words: str) -> int:
    return contextvars.copy_context().run(next_round.main, words)


@pytest.fixture
def record(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> WaitingSearch:
    """A search in a workspace whose settings have been damaged since."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "attnctl.toml").write_text("[resume]\nsame_error = 7\n")
    settings = find(tmp_path, tmp_path, {})
    record = WaitingSearch(
        sweep="tuned",
        command=["sweeps", "--json"],
        folder=str(tmp_path),
        tag="attnctl-a",
        settings=settings.digest,
        created=5.0,
        host="login",
        user="ada",
    )
    waiting_searches.write(Workspace(tmp_path), record, settings.source)
    (tmp_path / "attnctl.toml").write_text("[slurm]\nwrong = 1\n")
    return record


def test_the_command_runs_with_the_settings_of_its_submission_and_an_index_of_its_own(
    record: WaitingSearch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert called("--workspace", str(tmp_path), "--search", record.key) == 0
    assert capsys.readouterr().out.startswith("{")
    assert not (tmp_path / "attnctl.sqlite").exists()
    assert not context.is_repeated()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"folder": "/nowhere/at/all"}, "/nowhere/at/all"),
        ({"settings": "0" * 64}, "was changed after its jobs were submitted"),
        ({"command": ["sweep", "se", "--nonsense"]}, "--nonsense"),
    ],
)
def test_what_hinders_it_is_its_last_line(
    change: dict[str, object], words: str, record: WaitingSearch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    changed = dataclasses.replace(record, **change)  # type: ignore[arg-type]
    waiting_searches.write(Workspace(tmp_path), changed)
    assert called("--workspace", str(tmp_path), "--search", changed.key) == 2
    assert words in capsys.readouterr().err.splitlines()[-1]


def test_an_unknown_search_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert called("--workspace", str(tmp_path), "--search", "0" * 16) == 2
    assert "is not a search of this user" in capsys.readouterr().err
