"""The runs behind one row of a table: one for each seed, of one version of the code."""

from __future__ import annotations

from dataclasses import replace

import pytest

from attnctl.db import RunRow
from attnctl.lifecycle.state import State
from attnctl.reports.replicates import (
    NOT_RUN,
    Metric,
    Replicates,
    gain_cell,
    has_gain,
    of_versions,
    states_of,
)
from attnctl.reports.statistics.gains import gain
from attnctl.reports.table import Cell
from tests.reports.report_rows import rows

TOP1 = Metric(name="top1")


def seeds(*values: float | None, state: str = "running") -> tuple[RunRow, ...]:
    """A run of ELA for each seed; None is one that is not done."""
    return tuple(rows(list(values), ("ela",), tuple(map(str, range(len(values)))), state))


def test_the_cell_is_the_mean_of_the_runs_that_are_done_with_their_ids() -> None:
    found = seeds(90.0, 92.0, None)
    cell = Replicates(rows=found, seeds=(0, 1, 2)).cell(TOP1, ("a note",))
    assert (cell.value, cell.n, cell.wanted) == (91.0, 2, 3)
    assert cell.spread == pytest.approx(2**0.5)
    assert cell.runs == tuple(row.id for row in found[:2])
    assert cell.state == "n=2 of 3: running 45%"
    assert cell.marks == ("a note",)


def test_a_cell_without_a_number_lists_its_runs() -> None:
    found = seeds(None)
    cell = Replicates(rows=found, seeds=(0,)).cell(TOP1)
    assert (cell.value, cell.runs, cell.state) == (None, (found[0].id,), "running 45%")
    assert Replicates(seeds=(0, 1)).cell(TOP1).state == NOT_RUN


def test_a_metric_that_no_run_has_is_not_measured() -> None:
    assert Replicates(rows=seeds(90.0), seeds=(0,)).cell(Metric(name="ap")).state == "not measured"


def test_an_error_rate_is_100_minus_accuracy_and_lower_is_better() -> None:
    error = Metric(name="top1", error=True)
    assert Replicates(rows=seeds(90.0), seeds=(0,)).values(error) == [10.0]
    assert (error.lower, error.words) == (True, "top1 error")
    assert Metric(name="train_loss").lower
    assert not TOP1.lower


def test_each_state_is_shown_once_with_its_range_of_progress() -> None:
    two = seeds(None, None)
    moving = [two[0], replace(two[1], step=80)]
    assert states_of(moving) == ["running 45-80%"]
    others = [replace(two[0], state=state) for state in (State.ERROR, State.ERROR, State.DIVERGED, State.NEW)]
    assert states_of(others) == [f"failed: {State.ERROR}", str(State.DIVERGED), NOT_RUN]


def test_a_mean_is_of_the_version_of_the_code_with_most_runs_done() -> None:
    new, old = seeds(90.0, None, state="queued"), seeds(80.0, 82.0)
    old = tuple(replace(row, versions="1", id=f"old{row.seed}") for row in old)
    found = of_versions([*new, *old], {row.id for row in new}, (0, 1, 2))
    assert [row.id for row in found.rows] == ["old0", "old1"]
    assert (found.seeds, found.left_out) == ((0, 1, 2), 1)


def test_of_equally_many_the_present_version_counts_and_unwanted_seeds_do_not() -> None:
    new, old = seeds(90.0, 91.0), seeds(80.0, 82.0)
    old = tuple(replace(row, versions="1", id=f"old{row.seed}") for row in old)
    found = of_versions([*old, *new], {row.id for row in new}, (0,))
    assert [row.id for row in found.rows] == [new[0].id]
    assert of_versions([], set(), (3, 1)) == Replicates(seeds=(1, 3))


@pytest.mark.parametrize(("ours", "baseline", "told"), [(1, 1, False), (2, 1, True), (1, 3, True), (0, 3, False)])
def test_a_gain_needs_two_numbers_and_several_seeds_for_one(ours: int, baseline: int, told: bool) -> None:
    assert has_gain(ours, baseline) is told


def test_a_gain_is_of_our_runs() -> None:
    ours = Cell(value=92.0, n=2, wanted=3, runs=("a", "b"))
    found = gain({0: 91.0, 1: 93.0}, {0: 90.0, 1: 91.0, 2: 92.0})
    cell = gain_cell(ours, found)
    assert (cell.value, cell.interval, cell.n, cell.wanted, cell.runs) == (1.5, found.interval, 2, 3, ("a", "b"))
    assert (cell.seeds, cell.values, cell.baseline) == ((0, 1), (91.0, 93.0), (90.0, 91.0))
    assert gain_cell(ours, None) == Cell()
