"""Helpers of the command line's tests: its result, a machine without SLURM, and what lies in a folder."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from attnctl import grid
from attnctl.files import create_exclusive
from attnctl.grid import Axes
from attnctl.jobs.submission.submit import submit
from attnctl.settings.config import find
from attnctl.workspace.records import Resources, Sweep


@dataclass(frozen=True)
class Result:
    code: int
    out: str
    err: str


Run = Callable[..., Result]


def assert_refused(result: Result, case: str) -> None:
    """That a command line is the user's mistake, which one line on standard error tells."""
    assert result.code == 2, f"{case}: exit code {result.code}, {result.out[:300]!r} {result.err[:600]!r}"
    assert result.out == "", case
    assert result.err.startswith("attnctl: "), case
    assert result.err.count("\n") == 1, f"{case}: {result.err!r}"
    assert result.err.endswith("\n"), case
    assert result.err[:-1].isprintable(), f"{case}: {result.err!r}"
    assert len(result.err) < 800, case
    assert "Traceback" not in result.err, case
    assert "internal error" not in result.err, f"{case}: {result.err}"


def without_slurm(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.setenv("SLURM_CONF", "/nowhere/slurm.conf")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    for name in ("ATTNCTL_WORKSPACE", "ATTNCTL_DEBUG", "NO_COLOR", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)


def listing(folder: Path) -> list[str]:
    """Every path below a folder: to see that nothing was written."""
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


def workspace_with_a_run(parent: Path) -> Path:
    """A workspace with one run that was asked for and never started, in the sweep `first`."""
    root = parent / "here"
    root.mkdir()
    config = find(root, root, {})
    specs = grid.expand(Axes(modules=("ela",))).specs
    submit(config, specs, Resources(), config.slurm, "local")
    sweep = Sweep(name="first", created=1.0, command=[], runs=[spec.id for spec in specs])
    create_exclusive(config.workspace.sweep("first"), sweep.encode())
    return root


def on_a_terminal(words: list[str], environment: dict[str, str]) -> str:
    """What a command prints on a terminal of its own."""
    main, terminal = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "attnctl", *words],
        stdout=terminal,
        stderr=terminal,
        stdin=subprocess.DEVNULL,
        env=os.environ | {"TERM": "xterm-256color", "COLUMNS": "100"} | environment,
    )
    os.close(terminal)
    shown = b""
    while True:
        try:
            block = os.read(main, 4096)
        except OSError:  # Linux says EIO when the other side has closed
            break
        if not block:
            break
        shown += block
    os.close(main)
    assert process.wait() == 0
    return shown.decode()
