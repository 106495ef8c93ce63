"""The measurements of `attnctl bench`: an interruption keeps those that are done, and the same command continues."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from attnctl import grid
from attnctl.cli.benching.measuring import How, measure
from attnctl.cli.benching.networks import groups_of
from attnctl.grid import Axes
from attnctl.jobs import bench
from attnctl.spec import RunSpec
from attnctl.workspace.layout import Workspace
from tests.attnctl.cli.cli_run import Run, listing

HOW = How(batches=[1, 2], precision="fp32", device="cpu", compiled=False, rounds=3, launches=("graph",))
TINY = {"input_size": ("8",)}


@pytest.fixture
def groups() -> list[list[RunSpec]]:
    return groups_of(grid.expand(Axes(modules=("none", "se"), overrides=TINY)).specs)


@pytest.fixture
def interrupted(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The batch sizes that are measured; Ctrl-C ends the second measurement after its first round."""
    seen: list[int] = []
    real = bench.measure

    def stopped(networks: Any, conditions: bench.Conditions) -> Iterator[list[bench.Timing]]:
        seen.append(conditions.batch)
        for timings in real(networks, conditions):
            yield timings
            if len(seen) == 2:
                raise KeyboardInterrupt

    monkeypatch.setattr(bench, "measure", stopped)
    return seen


def test_an_interruption_keeps_what_is_measured_and_the_same_command_continues(
    tmp_path: Path, groups: list[list[RunSpec]], interrupted: list[int], capsys: pytest.CaptureFixture[str]
) -> None:
    workspace = Workspace(tmp_path)
    with pytest.raises(KeyboardInterrupt) as stopped:
        measure(workspace, groups, HOW)
    assert str(stopped.value) == (
        "stopped; 1 of 2 measurements is kept; run the same command again to measure the rest"
    )
    kept = {speed.module: speed for speed in workspace.speeds()}
    assert {(speed.module, speed.batch) for speed in kept.values()} == {("none", 1), ("se", 1)}
    capsys.readouterr()
    speeds = measure(workspace, groups, HOW)
    assert interrupted == [1, 2, 2]
    assert [(speed.module, speed.batch) for speed in speeds] == [("none", 1), ("se", 1), ("none", 2), ("se", 2)]
    assert speeds[:2] == [kept["none"], kept["se"]]
    assert capsys.readouterr().err.splitlines() == [
        "1 of 2 measurements is kept from the interrupted command",
        "[1/2] resnet20, batch 2: starting",
        "[2/2] resnet20, batch 2: measured",
    ]
    assert not list(workspace.bench.glob("*.unfinished"))
    measure(workspace, groups, HOW)
    assert interrupted == [1, 2, 2, 1, 2]  # after a complete command, everything is measured again


def test_another_command_and_damaged_measurements_are_measured_anew(
    tmp_path: Path, groups: list[list[RunSpec]], interrupted: list[int]
) -> None:
    workspace = Workspace(tmp_path)
    with pytest.raises(KeyboardInterrupt):
        measure(workspace, groups, HOW)
    measure(workspace, groups_of(grid.expand(Axes(modules=("none", "ela"), overrides=TINY)).specs), HOW)
    assert interrupted == [1, 2, 1, 2]
    for file in workspace.bench.glob("*.json"):
        file.write_bytes(b"{")
    assert len(measure(workspace, groups, HOW)) == 4
    assert interrupted == [1, 2, 1, 2, 1, 2]


def test_ctrl_c_in_the_command_is_one_line(folder: Path, attnctl: Run, interrupted: list[int]) -> None:
    words = ("bench", "se", "--backbone", "resnet20", "--dataset", "digits", "--input-size", "8")
    options = ("--batch", "1,2", "--rounds", "3", "--device", "cpu")
    done = attnctl(*words, *options)
    assert (done.code, done.out) == (130, "")
    assert done.err.splitlines()[-1].endswith("run the same command again to measure the rest")
    assert len(listing(folder / "bench")) == 3
    done = attnctl(*words, *options)
    assert done.code == 0
    assert "medians of 3 rounds" in done.out
    assert interrupted == [1, 2, 2]
    assert len(listing(folder / "bench")) == 4
