"""Accuracies on other images as columns of a report."""

from __future__ import annotations

from statistics import stdev

import pytest

from attnctl.reports.evaluated import EvaluatedRuns, with_evaluations
from attnctl.reports.report import Report
from attnctl.reports.table import Cell, Group, ReportColumn, ReportTable, Row

COLUMN = ReportColumn(name="top1", title="top-1", unit="%", measured=True)
ROWS = (
    Row(header=("none",), cells=(Cell(value=90.0, n=2, wanted=2, runs=("a", "b")),)),
    Row(header=("ela",), cells=(Cell(value=91.0, n=2, wanted=2, runs=("c", "d")),)),
    Row(header=("se",), cells=(Cell(state="running"),)),
)
REPORT = Report(
    table=ReportTable(title="", headers=("module",), columns=(COLUMN,), groups=(Group(title="", rows=ROWS),)),
    names=("none", "ela", "se"),
)


def test_a_column_has_the_mean_over_the_runs_that_were_evaluated() -> None:
    found = with_evaluations(
        REPORT,
        {
            "./digits-c": EvaluatedRuns("top1", {"a": 50.0, "b": 54.0, "c": 60.0}),
            "svhn": EvaluatedRuns("ap", {"a": 1.0}),
        },
    )
    assert [column.name for column in found.table.columns] == ["top1", "eval-digits-c", "eval-svhn"]
    assert found.table.columns[1].heading == "top-1 on digits-c (%)"
    assert found.table.columns[2].heading == "AP on svhn (%)"
    (group,) = found.table.groups
    plain, ela, se = (row.cells[1] for row in group.rows)
    assert (plain.value, plain.n, plain.state) == (52.0, 2, "")
    assert plain.spread == pytest.approx(stdev([50.0, 54.0]))
    assert (ela.value, ela.spread, ela.n, ela.state, ela.runs) == (60.0, None, 1, "1 of 2 evaluated", ("c",))
    assert (se.value, se.state) == (None, "")
    assert [row.cells[2].state for row in group.rows] == ["1 of 2 evaluated", "not evaluated", ""]
    assert [row.cells[0] for row in group.rows] == [row.cells[0] for row in ROWS]
