"""The command line as the tests call it: in this process, in an empty folder, on a machine without SLURM."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from attnctl.cli import main
from tests.attnctl.cli.cli_run import Result, Run, without_slurm


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


@pytest.fixture(scope="session")
def trained_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace with two runs, really trained, in the sweep `first`; it is not to be changed."""
    root = tmp_path_factory.mktemp("trained") / "here"
    root.mkdir()
    words = ["sweep", "none,ela", "--epochs", "1", "--batch", "256", "--norm-batch", "128", "--name", "first"]
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)
        without_slurm(patch)
        assert main([*words, "--run-on", "here"]) == 0
    return root


@pytest.fixture
def trained(trained_once: Path, folder: Path) -> Path:
    """A copy of that workspace, to stand in."""
    shutil.copytree(trained_once, folder, dirs_exist_ok=True)
    return folder
