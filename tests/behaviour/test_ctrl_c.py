"""Ctrl-C ends every long command within seconds: one line, exit code 130, nothing half written, no process left."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from tests.attnctl.cli.cli_run import without_slurm
from tests.attnctl.cli.finished_runs import completed
from tests.attnctl.cli.past_runs import Past

pytestmark = pytest.mark.usefixtures("real_processes")

SECONDS = 75.0
"""For a command to end: it gives each of its runs 60 s to save, which all but a very busy machine does in a few."""

LARGE = 4 << 30
"""Bytes of a sparse checkpoint that takes seconds to copy or hash."""


@pytest.fixture
def past(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Past:
    root = tmp_path / "here"
    root.mkdir()
    (root / "attnctl.toml").touch()
    monkeypatch.chdir(root)
    without_slurm(monkeypatch)
    return Past(root)


def press_ctrl_c(words: list[str], ready: Callable[[subprocess.Popen[str]], bool]) -> str:
    """What the command printed on standard error after its process group got SIGINT, as a terminal sends it."""
    process = subprocess.Popen(
        [sys.executable, "-m", "attnctl", *words],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        start_new_session=True,
    )
    try:
        end = time.monotonic() + 120
        while not ready(process):
            assert process.poll() is None, f"it ended before: {process.communicate()[1]}"
            assert time.monotonic() < end
            time.sleep(0.02)
        helpers = psutil.Process(process.pid).children(recursive=True)
        os.killpg(process.pid, signal.SIGINT)
        _, errors = process.communicate(timeout=SECONDS)
    finally:
        process.kill()
        process.wait()
        assert process.stderr is not None
        process.stderr.close()
    assert process.returncode == 130, errors
    assert "Traceback" not in errors
    _, alive = psutil.wait_procs(helpers, timeout=SECONDS)
    assert alive == []
    return errors


def computing(process: subprocess.Popen[str]) -> bool:
    """Whether it, or a process that it started, has begun to compute."""
    everyone = [psutil.Process(process.pid), *psutil.Process(process.pid).children(recursive=True)]
    return any("libtorch" in item.path for one in everyone for item in one.memory_maps())


@pytest.mark.parametrize(
    "words",
    [
        ["try", "se", "--backbone", "resnet20", "--dataset", "digits"],
        ["bench", "se", "--backbone", "resnet50"],
    ],
    ids=lambda words: words[0],
)
def test_what_measures_networks_ends_at_once(past: Past, words: list[str]) -> None:
    assert press_ctrl_c(words, computing) == "attnctl: interrupted\n"


def large_run(past: Past) -> Path:
    (spec,) = past.specs(1)
    completed(past, spec)
    past.sweep("first", [spec])
    path = past.checkpoint(spec, "40-1.0.pt")
    os.truncate(path, LARGE)
    return path


def test_a_merge_ends_at_once_and_the_same_merge_does_the_rest(
    past: Past, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = large_run(past)
    target = tmp_path / "target"
    target.mkdir()
    (target / "attnctl.toml").touch()
    monkeypatch.chdir(target)
    words = ["merge", str(past.root)]
    errors = press_ctrl_c(words, lambda _: any(target.rglob("*.pt.merge")))
    assert errors.splitlines()[-1] == "attnctl: interrupted"
    os.truncate(path, 1)
    again = subprocess.run([sys.executable, "-m", "attnctl", *words], capture_output=True, text=True, check=False)
    assert again.returncode == 0, again.stderr
    assert [item.stat().st_size for item in target.rglob("*.pt")] == [1]
    assert not [item for item in target.rglob("*.merge*") if item.name != ".merge.lock"]


def test_an_archive_that_is_stopped_leaves_no_file(past: Past) -> None:
    large_run(past)
    words = ["archive", "first", "--weights", "-o", "first.tar.gz"]

    def reads(process: subprocess.Popen[str]) -> bool:
        return any(item.path.endswith(".pt") for item in psutil.Process(process.pid).open_files())

    assert press_ctrl_c(words, reads) == "attnctl: interrupted\n"
    assert not [item for item in past.root.iterdir() if "first.tar.gz" in item.name]


def test_reproduce_says_what_it_waits_for_and_how_to_go_on(past: Past) -> None:
    words = ["reproduce", "nam", "--table", "1", "--set", "dataset=digits", "--set", "epochs=300", "--run-on", "local"]

    def trains(_: subprocess.Popen[str]) -> bool:
        return any('"progress"' in path.read_text() for path in past.root.glob("runs/*/attempts/1/0/events.jsonl"))

    errors = press_ctrl_c(words, trains)
    assert "Stopping: " in errors
    assert "attnctl: stopped; to continue from the checkpoints, run: attnctl resume " in errors
