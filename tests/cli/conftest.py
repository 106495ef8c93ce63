"""The command line as the tests call it: in this process, in an empty folder, on a machine without SLURM."""

from __future__ import annotations

from pathlib import Path

import pytest
from cli_run import Result, Run, without_slurm

from attnctl.cli import main


@pytest.fixture
def attnctl(capsys: pytest.CaptureFixture[str]) -> Run:
    """Calls the command line; words are given one by one."""

    def run(*words: str) -> Result:
        capsys.readouterr()
        code = main(words)
        captured = capsys.readouterr()
        return Result(code, captured.out, captured.err)

    return run


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder to stand in, without SLURM on the PATH, without GPUs and without settings of the environment."""
    place = tmp_path / "here"
    place.mkdir()
    monkeypatch.chdir(place)
    without_slurm(monkeypatch)
    return place
