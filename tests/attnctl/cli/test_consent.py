"""A settings file is trusted before it acts: on a terminal the user is asked."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from attnctl.cli import consent
from attnctl.settings.config import ConfigError, read
from tests.attnctl.cli.cli_run import Run


@pytest.fixture
def file(folder: Path) -> Path:
    (folder / "attnctl.toml").write_text('[notify]\ncommand = "touch made"\n')
    return folder / "attnctl.toml"


@pytest.fixture
def on_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("attnctl.cli.output.is_terminal", lambda _stream=None: True)


class Typed:
    """A terminal on which the user types one line."""

    def __init__(self, line: str) -> None:
        self.line = line

    def readline(self) -> str:
        return self.line

    def isatty(self) -> bool:
        return True


def typed(monkeypatch: pytest.MonkeyPatch, answer: str) -> None:
    monkeypatch.setattr(sys, "stdin", Typed(answer + "\n"))


@pytest.mark.usefixtures("on_terminal")
def test_who_agrees_is_not_asked_again(
    file: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    typed(monkeypatch, "y")
    consent.ask(read(file))
    shown = capsys.readouterr().err
    assert 'notify.command = "touch made"\n' in shown
    assert f"{file} runs or sends this. Trust it? [y/N]" in shown
    assert read(file).may_act
    consent.ask(read(file))
    assert capsys.readouterr().err == ""


@pytest.mark.usefixtures("on_terminal")
def test_who_does_not_agree_starts_nothing(file: Path, attnctl: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    typed(monkeypatch, "")
    result = attnctl("sweep", "ela", "--epochs", "1", "--run-on", "local")
    assert result.code == 1
    assert "attnctl: cancelled" in result.err
    assert not (file.parent / "runs").exists()
    assert not read(file).may_act


def test_a_program_gets_an_error(file: Path) -> None:
    with pytest.raises(ConfigError, match="run `attnctl trust "):
        consent.ask(read(file), as_json=True)


def test_a_dry_run_only_says_that_the_settings_are_not_trusted(file: Path, attnctl: Run) -> None:
    result = attnctl("sweep", "ela", "--epochs", "1", "--run-on", "local", "--dry-run")
    assert result.code == 0
    assert result.err == f"{file} is not trusted yet; `attnctl trust` shows and trusts what it runs or sends\n"


@pytest.mark.parametrize("words", [["sweep", "ela", "--dry-run"], ["try", "ela"]])
def test_a_default_that_names_code_is_not_planned_with(words: list[str], file: Path, attnctl: Run) -> None:
    (file.parent / "net.py").write_text("open('made', 'w')\ndef build(classes):\n    raise SystemExit\n")
    file.write_text('[defaults]\nbackbone = "./net.py:build"\n')
    result = attnctl(*words)
    assert result.code == 2
    assert 'to let it run or send defaults.backbone = "./net.py:build"' in result.err
    assert not (file.parent / "made").exists()
