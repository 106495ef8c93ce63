"""Helpers of the command line's tests: its result, a machine without SLURM, and what lies in a folder."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from attnctl import grid
from attnctl.config import find
from attnctl.files import create_exclusive
from attnctl.grid import Axes
from attnctl.records import Resources, Sweep
from jobs.submit import submit


@dataclass(frozen=True)
class Result:
    code: int
    out: str
    err: str


Run = Callable[..., Result]


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
    submit(config, specs, Resources(), config.slurm, "here")
    sweep = Sweep(name="first", created=1.0, command=[], runs=[spec.id for spec in specs])
    create_exclusive(config.workspace.sweep("first"), sweep.encode())
    return root
