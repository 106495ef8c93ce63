"""`attnctl trust`: shows what a settings file runs or sends, and trusts it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from attnctl.settings.config import read
from tests.attnctl.cli.cli_run import Run

TEXT = '[slurm]\ntime = "5"\nsetup = ["module load cuda"]\n[notify]\ncommand = "mail me"\n'
LINES = '    slurm.setup = ["module load cuda"]\n    notify.command = "mail me"\n'


@pytest.fixture
def file(folder: Path) -> Path:
    (folder / "attnctl.toml").write_text(TEXT)
    return folder / "attnctl.toml"


def test_a_file_is_shown_trusted_and_trusted_no_longer(file: Path, attnctl: Run) -> None:
    assert attnctl("trust", "--show").out == f"{file} is not trusted; it runs or sends:\n{LINES}"
    assert not read(file).may_act
    assert attnctl("trust").out == f"{file} is trusted; it runs or sends:\n{LINES}"
    assert read(file).may_act
    assert attnctl("trust", "--revoke").out == f"{file} is trusted no longer\n"
    assert not read(file).may_act
    assert attnctl("trust", "--revoke").out == f"{file} was not trusted\n"


def test_a_program_gets_one_document(file: Path, attnctl: Run) -> None:
    shown = json.loads(attnctl("trust", "--show", "--json").out)
    assert (shown["file"], shown["trusted"]) == (str(file), False)
    assert shown["acting"] == {"slurm.setup": ["module load cuda"], "notify.command": "mail me"}
    assert json.loads(attnctl("trust", "--json").out) == {**shown, "trusted": True}
    assert json.loads(attnctl("trust", "--revoke", "--json").out) == {"file": str(file), "trusted": False}


def test_the_file_is_that_of_the_path_the_workspace_or_the_nearest_folder(
    file: Path, attnctl: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    below = file.parent / "a" / "b"
    below.mkdir(parents=True)
    monkeypatch.chdir(below)
    for words in ([], ["../.."], ["../../attnctl.toml"], ["--workspace", "../.."]):
        assert attnctl("trust", "--show", *words).out.startswith(f"{file} is not trusted"), words


def test_a_file_that_runs_nothing_may_be_trusted_too(file: Path, attnctl: Run) -> None:
    file.write_text('[slurm]\ntime = "5"\n')
    assert attnctl("trust", "--show").out == f"{file} runs and sends nothing\n"
    assert attnctl("trust").out == f"{file} runs and sends nothing; it is trusted with its content\n"


def test_what_cannot_be_trusted_is_refused_on_one_line(folder: Path, attnctl: Run) -> None:
    (folder / "other.toml").touch()
    for words, message in (
        (["--show", "--revoke"], "use either --show or --revoke"),
        (["other.toml"], "other.toml is neither an attnctl.toml nor a folder"),
        ([], f"there is no attnctl.toml here or in a folder above {folder}"),
        (["."], f"there is no {folder}/attnctl.toml"),
    ):
        result = attnctl("trust", *words)
        assert (result.code, result.out) == (2, "")
        assert result.err.startswith(f"attnctl: {message}")
        assert result.err.count("\n") == 1
