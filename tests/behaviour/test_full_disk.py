"""Every command on a disk that is full, or that may only be read: a clear line, nothing lost, and it goes on after."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.attnctl.cli.cli_run import Result, Run, without_slurm, workspace_with_a_run

MOUNT, UNMOUNT = shutil.which("mount"), shutil.which("umount")

COMMANDS = {
    "sweep": ["sweep", "se", "--run-on", "local", "--epochs", "1", "--name", "t"],
    "status": ["status", "--json"],
    "report": ["report", "--format", "json"],
    "resume": ["resume", "--yes", "--json"],
    "why": ["why", "{run}"],
    "show": ["show", "{run}"],
    "cancel": ["cancel", "{run}", "--yes"],
    "gc": ["gc"],
    "rm": ["rm", "first", "--yes"],
    "db rebuild": ["db", "rebuild"],
    "init": ["init"],
}

LOOKS = ("status", "report", "why", "show")
"""The commands that only read: they need no space, and no write access."""


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A small file system of its own, in which a workspace stands."""
    folder = tmp_path / "disk"
    folder.mkdir()
    command = [str(MOUNT), "-t", "tmpfs", "-o", "size=12m", "tmpfs", str(folder)]
    if os.geteuid() or subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("only root may mount a file system")
    workspace_with_a_run(folder)
    yield folder
    subprocess.run([str(UNMOUNT), "-l", str(folder)], check=True)


def fill(folder: Path) -> Path:
    filler = folder / "filler"
    for block in (1 << 16, 1):
        with contextlib.suppress(OSError), filler.open("ab", buffering=0) as stream:
            while True:
                stream.write(bytes(block))
    return filler


def assert_told(result: Result, name: str, words: tuple[str, ...]) -> None:
    assert result.code in {0, 1, 2}, name
    for text in (result.out, result.err):
        assert "Traceback" not in text, f"{name}: {text}"
        assert "internal error" not in text, f"{name}: {text}"
    if result.code == 2:
        assert result.err.startswith("attnctl: "), f"{name}: {result.err}"
        assert result.err.count("\n") == 1, f"{name}: {result.err}"
        assert any(word in result.err for word in words), f"{name}: {result.err}"


def kept(root: Path) -> dict[str, bytes]:
    """What may not be touched."""
    return {
        str(path): path.read_bytes()
        for name in ("runs", "sweeps", "submissions")
        for path in (root / name).rglob("*.json")
    }


@pytest.mark.parametrize(("how", "index"), [("full", "there"), ("read-only", "not there")])
@pytest.mark.parametrize("name", COMMANDS)
def test_a_full_disk_is_a_one_line_error_and_a_retry_succeeds(
    name: str, how: str, index: str, disk: Path, attnctl: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = disk / "here"
    monkeypatch.chdir(root)
    without_slurm(monkeypatch)
    if index == "there":
        assert attnctl("status").code == 0
    run = next((root / "runs").iterdir()).name
    words = [word.replace("{run}", run) for word in COMMANDS[name]]
    before = kept(root)
    if how == "full":
        filler = fill(disk)
        result = attnctl(*words)
        assert_told(result, name, ("No space left on device", "disk is full"))
        filler.unlink()
    else:
        subprocess.run([str(MOUNT), "-o", "remount,ro", str(disk)], check=True)
        result = attnctl(*words)
        subprocess.run([str(MOUNT), "-o", "remount,rw", str(disk)], check=True)
        assert_told(result, name, ("Read-only file system", "readonly database"))
    if name == "gc" and how == "full":
        assert result.code == 0, f"what makes space needs none: {result.err}"
    if name in LOOKS:
        assert result.code == 0, f"{name} works from memory: {result.err}"
    if name == "cancel" and how == "full":
        assert (result.code, "the disk is full: " in result.err) == (1, True), "a run that waits for its supervisor"
    if result.code:
        assert kept(root) == before
    assert attnctl("status").code == 0
    assert attnctl("db", "rebuild").code == 0
