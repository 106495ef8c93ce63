"""Runs as a table: a row of the table, the totals, and what a terminal shows of many runs while they run."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from rich.cells import cell_len

from attnctl.cli.refresh import Snapshot
from attnctl.cli.status_table import COLUMNS, cells, screen, totals
from attnctl.db import RunRow
from attnctl.lifecycle.state import State

NOW = 10_000.0


def row(number: int, state: State, **more: object) -> RunRow:
    values: dict[str, object] = {
        "id": f"{number:08x}{'0' * 8}",
        "module": "ela",
        "label": f"ela groups=c kernel={2 * number + 1} num_groups=16 shared=true",
        "backbone": "resnet50",
        "placement": "block",
        "dataset": "imagenet",
        "versions": "",
        "seed": number,
        "state": str(state),
        "reason": "" if state is State.RUNNING else "the loss is not finite at step 4 or shortly before it",
        "since": NOW - 60 * number,
        "step": 100 * number,
        "steps": 200_000,
    }
    return RunRow(**(values | more))  # type: ignore[arg-type]


def lines_of(rows: Sequence[RunRow], width: int, height: int | None) -> list[str]:
    return screen(Snapshot(rows, None, NOW), width, height).plain.split("\n")


MANY = [row(number, State.DIVERGED) for number in range(30)] + [row(40 + k, State.RUNNING) for k in range(6)]


def test_a_run_without_a_step_has_trained_none() -> None:
    shown = dict(zip((column.name for column in COLUMNS), cells(row(1, State.RUNNING, step=None), NOW), strict=True))
    assert shown["progress"] == "0/200000"
    assert shown["why"] == ""


def test_totals_are_summarised_as_text() -> None:
    assert totals([]) == "0 runs"
    assert totals(MANY[:1]) == "1 run: 1 diverged"
    assert totals(MANY) == "36 runs: 30 diverged, 6 running"


@pytest.mark.parametrize("width", [70, 80, 100, 200])
@pytest.mark.parametrize("height", [14, 18, 24, 40, 60])
def test_running_runs_are_never_pushed_off_the_screen(width: int, height: int) -> None:
    lines = lines_of(MANY, width, height)
    assert len(lines) <= height
    assert max(map(cell_len, lines)) <= width
    for number in range(40, 46):
        (line,) = [line for line in lines if line.startswith(f"{number:08x}")]
        assert "running" in line
        assert f"{100 * number}/200000" in line
    ended = sum(line.startswith("000000") for line in lines) - 6
    assert lines[-1].startswith("36 runs: 30 diverged, 6 running")
    assert (f"({30 - ended} not shown)" in lines[-1]) == (ended < 30)


def test_free_text_is_dropped_before_running_runs() -> None:
    rows = [row(number, State.RUNNING, alarm="two attempts disagree on the CPU") for number in range(10)]
    assert sum("why: two attempts" in line for line in lines_of(rows, 80, 40)) == 10
    narrow = lines_of(rows, 80, 16)
    assert len(narrow) <= 16
    assert sum("running" in line and line.startswith("000000") for line in narrow) == 10
    assert not any("why" in line for line in narrow)


def test_queued_runs_are_listed_between_running_and_ended_ones() -> None:
    rows = [row(1, State.DIVERGED), row(2, State.QUEUED), row(3, State.RUNNING), row(4, State.DIVERGED)]
    shown = [line[:8] for line in lines_of(rows * 4, 80, 9) if line.startswith("000000")]
    assert shown[:4] == ["00000003"] * 4
    assert set(shown[4:]) <= {"00000002"}


def test_all_runs_are_shown_if_there_is_room() -> None:
    lines = lines_of(MANY, 80, None)
    assert [int(line[:8], 16) for line in lines if line.startswith("000000")] == [*range(30), *range(40, 46)]
    assert lines == lines_of(MANY, 80, 500)


def test_the_smallest_terminal_shows_one_run() -> None:
    assert any(line.startswith(f"{40:08x}") for line in lines_of(MANY, 80, 2))
