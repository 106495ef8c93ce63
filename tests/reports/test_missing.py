"""The commands that train what a report lacks."""

from __future__ import annotations

import dataclasses
import shlex

import pytest

from attnctl.db import RunRow
from attnctl.lifecycle.state import State
from attnctl.reports.missing import of_sweep
from attnctl.workspace.records import Sweep
from tests.reports.report_rows import rows

ROWS = rows([90.0, 91.0], ("ela",), ("0", "1"))
COMMAND = ["sweep", "ela", "--seed", "0,1"]


def sweep(*command: str) -> Sweep:
    return Sweep(name="first", created=1.0, command=list(command or COMMAND), runs=[row.id for row in ROWS])


def states(*found: State) -> list[RunRow]:
    return [dataclasses.replace(row, state=state) for row, state in zip(ROWS, found, strict=False)]


@pytest.mark.parametrize(
    "found",
    [
        (State.COMPLETED, State.COMPLETED),
        (State.COMPLETED, State.DIVERGED),
        (State.RUNNING, State.QUEUED),
    ],
)
def test_nothing_is_missing_of_a_sweep_that_is_done_or_on_its_way(found: tuple[State, ...]) -> None:
    assert of_sweep(sweep(), states(*found)) == []


@pytest.mark.parametrize("found", [(State.COMPLETED,), (State.COMPLETED, State.PREEMPTED)])
def test_missing_and_interrupted_runs_need_the_same_sweep_again(found: tuple[State, ...]) -> None:
    (command,) = of_sweep(sweep(), states(*found))
    assert shlex.split(command) == ["attnctl", *COMMAND, "--name", "first"]


def test_failed_runs_are_retried_and_no_command_is_repeated() -> None:
    failed = states(State.COMPLETED, State.ERROR)
    (command,) = of_sweep(sweep(), failed)
    assert shlex.split(command)[-1] == "--retry-failed"
    said = [*COMMAND, "--name", "mine", "--retry-failed"]
    (command,) = of_sweep(sweep(*said), failed)
    assert shlex.split(command) == ["attnctl", *said]
