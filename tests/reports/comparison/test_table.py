"""The comparison table: its cells and its states."""

from __future__ import annotations

import math
import statistics

import pytest
from hypothesis import given
from hypothesis import strategies as st

from attnctl.reports import comparison
from attnctl.reports.selection import Options
from tests.reports.comparison.compared import cell, three_seeds
from tests.reports.report_rows import rows


@given(st.lists(st.floats(0, 100), min_size=1, max_size=5))
def test_seeds_are_one_row_with_mean_and_sample_deviation(values: list[float]) -> None:
    table = comparison.build(rows(values, ("none",), tuple(map(str, range(len(values)))))).table
    found = cell(table, "none")
    assert found.value is not None
    assert math.isclose(found.value, statistics.fmean(values), abs_tol=1e-12)
    assert (found.n, found.wanted, found.state) == (len(values), len(values), "")
    if len(values) == 1:
        assert found.spread is None
    else:
        assert found.spread is not None
        assert math.isclose(found.spread, statistics.stdev(values), abs_tol=1e-12)


def test_the_best_of_each_group_is_marked_with_its_ties() -> None:
    table = comparison.build(rows([90.001, 90.002, 80.0], ("none", "ela", "se"))).table
    assert [cell(table, name).best for name in ("none", "ela", "se")] == [True, True, False]
    assert [cell(table, name).second for name in ("none", "ela", "se")] == [False, False, True]
    assert not cell(table, "ela", "params").best
    assert not cell(comparison.build(rows([90.0], ("none",))).table, "none").best


@pytest.mark.parametrize(
    ("state", "words"),
    [
        ("running", "running 45%"),
        ("queued", "queued"),
        ("code error", "failed: code error"),
        ("diverged", "diverged"),
        ("preempted", "preempted"),
    ],
)
def test_unfinished_cells_show_their_state(state: str, words: str) -> None:
    one = cell(comparison.build(rows([None], ("none",), state=state)).table, "none")
    assert (one.value, one.state) == (None, words)
    made = rows([90.0, 91.0, None], ("none",), ("0", "1", "2"), state=state)
    three = cell(comparison.build(made).table, "none")
    assert (three.value, three.n, three.wanted, three.state) == (90.5, 2, 3, f"n=2 of 3: {words}")


def test_only_some_seeds_can_be_shown() -> None:
    found = cell(comparison.build(three_seeds(), options=Options(seeds=(0, 2))).table, "none")
    assert (found.value, found.n, found.wanted) == (91.0, 2, 2)
