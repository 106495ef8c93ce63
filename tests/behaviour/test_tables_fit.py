"""Every table of a command at 80 and 100 columns: no line is wider, and ids, states and numbers are whole."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from rich.cells import cell_len

from attnctl.cli import output
from attnctl.grid import Axes, expand
from attnctl.metrics import BY_KEY
from attnctl.spec import RunSpec
from tests.attnctl.cli.cli_run import Run, on_a_terminal
from tests.attnctl.cli.past_runs import Past, left

COLUMNS = (80, 100)

Screen = Callable[..., list[str]]


@pytest.fixture
def screen(attnctl: Run, monkeypatch: pytest.MonkeyPatch) -> Screen:
    """The lines of a command on a terminal of that many columns, where nothing but a path is wider."""

    def show(columns: int, *words: str) -> list[str]:
        with monkeypatch.context() as patch:
            patch.setenv("COLUMNS", str(columns))
            patch.setattr(output, "is_terminal", lambda stream=None: stream in {None, sys.stdout})
            output.console.cache_clear()
            result = attnctl(*words)
            output.console.cache_clear()
        assert result.code == 0, result.err
        lines = result.out.splitlines()
        wide = [line for line in lines if cell_len(line) > columns and not line.startswith(("in /", "folder: /"))]
        assert wide == []
        return lines

    return show


def assert_whole(lines: list[str], *tokens: str) -> None:
    for token in tokens:
        assert any(token in line for line in lines), f"{token!r} is on no line:\n" + "\n".join(lines)


def numbers(text: str) -> set[str]:
    """The words of a text that have a digit, but for the paths of this test's folder."""
    return {word for word in text.split() if re.search(r"\d", word) and "/" not in word} - {"/"}


def ela(kernels: str = "5,7", **axes: Any) -> list[RunSpec]:
    values = {"kernel": tuple(kernels.split(",")), "num_groups": ("16",)}
    return expand(Axes(modules=("ela",), hyperparameters=values, **axes)).specs


@pytest.fixture
def past(folder: Path) -> Past:
    """Runs of one module in many states, and one of another network."""
    (folder / "attnctl.toml").write_text("")
    past = Past(folder)
    specs = ela("3,5,7,9,11,13")
    past.attempt(specs[0], "COMPLETED", saved=(20, 40), exit=left("completed", step=40))
    past.attempt(specs[1], "TIMEOUT", saved=(10, 20))
    past.checkpoint(specs[1], "20-1.0.pt")
    message = "RuntimeError: CUDA error 700 in " + "an illegal memory access " * 8
    past.attempt(specs[2], "FAILED", began=12, exit=left("error", message, step=13))
    past.attempt(
        specs[3], "FAILED", saved=(30,), exit=left("cuda out of memory", "CUDA out of memory: 2.00 GiB", step=31)
    )
    past.attempt(specs[4], "PREEMPTED", number=1, ago=20000, saved=(5,))
    past.attempt(specs[4], "NODE_FAIL", number=2, saved=(15,))
    past.attempt(specs[5], "OUT_OF_MEMORY", options={"mem": "8G"})
    (other,) = expand(Axes(modules=("nam",), backbones=("densenet121_cifar",), seeds=("123456",))).specs
    past.attempt(other, "CANCELLED", saved=(7,))
    return past


@pytest.mark.parametrize("columns", COLUMNS)
def test_status_keeps_ids_states_and_progress_whole(columns: int, past: Past, screen: Screen, attnctl: Run) -> None:
    runs = json.loads(attnctl("status", "--json").out)["runs"]
    assert len({run["state"] for run in runs}) >= 6
    lines = screen(columns, "status")
    for run in runs:
        row = next(line for line in lines if line.startswith(run["id"][:8]))
        assert run["state"] in row
        if run["steps"]:
            assert f"{run['step'] or 0}/{run['steps']}" in row.split()
    assert_whole(lines, "num_groups=16", "densenet121_cifar", "123456", "kernel=13", "CUDA error 700")
    assert len(lines) < 4 * len(runs)
    assert attnctl("status").out.splitlines()[0].split()[:3] == ["run", "module", "backbone"]


@pytest.mark.parametrize("columns", COLUMNS)
def test_resume_keeps_ids_ends_and_checkpoints_whole(columns: int, past: Past, screen: Screen, attnctl: Run) -> None:
    runs = json.loads(attnctl("resume", "--dry-run", "--json").out)["runs"]
    lines = screen(columns, "resume", "--dry-run")
    for run in runs:
        row = next(line for line in lines if line.startswith(run["id"][:8]))
        assert run["state"] in row
        if run["checkpoint"] is not None and run["steps"]:
            assert f"step {run['checkpoint']} of {run['steps']}" in row
        action = "needs confirmation" if run["consent"] else run["action"]
        assert_whole(lines, f"action: {action}")
    assert_whole(lines, "(attempt 2)", "num_groups=16", "reason: ")


@pytest.mark.parametrize("columns", COLUMNS)
def test_a_plan_keeps_ids_and_settings_whole(columns: int, screen: Screen, attnctl: Run, folder: Path) -> None:
    words = ("sweep", "ela,se,nam", "--kernel", "3,5", "--seed", "0,11", "--dry-run")
    runs = json.loads(attnctl(*words, "--json").out)["runs"]
    lines = screen(columns, *words)
    for run in runs:
        assert sum(line.startswith(run["id"][:8]) and line.endswith("new") for line in lines) == 1
    assert_whole(lines, "num_groups=16", "kernel=3", "kernel=5", "penalty=0.0001", "digits")


@pytest.mark.parametrize("columns", COLUMNS)
def test_trained_runs_keep_their_figures_whole(columns: int, trained: Path, screen: Screen, attnctl: Run) -> None:
    runs = json.loads(attnctl("status", "--json").out)["runs"]
    lines = screen(columns, "status")
    for run in runs:
        assert_whole(lines, run["id"][:8], f"{BY_KEY['top1'].label} {run['metrics']['top1']:.2f}", f"{run['steps']}")
        shown = screen(columns, "show", run["id"])
        assert_whole(shown, run["id"], f"{run['params']:,} parameters", f"top1={run['metrics']['top1']:.6g}")
        assert_whole(screen(columns, "why", run["id"]), run["id"], run["state"], "1 node, 1 process")


LISTINGS = (
    ("complexity", "ela", "se", "ean"),
    ("modules",),
    ("backbones",),
    ("backbones", "resnet50", "densenet121"),
    ("models",),
    ("models", "fasterrcnn"),
    ("datasets",),
    ("recipes",),
    ("papers",),
    ("papers", "ela"),
    ("doctor",),
)


@pytest.mark.parametrize("columns", COLUMNS)
@pytest.mark.parametrize("words", LISTINGS, ids=" ".join)
def test_listings_keep_names_and_numbers_whole(
    words: tuple[str, ...], columns: int, folder: Path, screen: Screen, attnctl: Run
) -> None:
    pipe = attnctl(*words).out
    lines = screen(columns, *words)
    shown = {word for line in lines for word in line.split()}
    assert numbers(pipe) <= shown
    first = {row.partition(" ")[0] for row in pipe.splitlines()}
    assert first <= {line.partition(" ")[0] for line in lines}


def test_a_real_terminal_of_80_columns_shows_a_run_on_a_line(past: Past) -> None:
    shown = on_a_terminal(["status"], {"NO_COLOR": "1", "COLUMNS": "80", "PATH": "/nowhere"})
    lines = re.sub(r"\x1b\[[0-9;]*m", "", shown).splitlines()
    assert max(map(cell_len, lines)) <= 80
    assert sum(bool(re.match(r"[0-9a-f]{8}  ", line)) for line in lines) == 7
