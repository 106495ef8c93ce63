"""A report: its rows by the names that commands use."""

from __future__ import annotations

import pytest

from attnctl.reports.report import Report, matching
from attnctl.reports.table import Cell, Group, ReportColumn, ReportTable, Row
from attnctl.values import SpecError

NAMES = ("ResNet50", "ResNet50+SE", "ResNet50+[SE]", "MobileNetV2")


def test_rows_are_sorted_by_name_and_runs_are_listed_once() -> None:
    rows = [Row(header=("+SE",), cells=(Cell(runs=runs),)) for runs in (("a", "b"), ("b", "c"))]
    groups = tuple(Group(title=title, rows=(row,)) for title, row in zip("xy", rows, strict=True))
    table = ReportTable(title="t", headers=("row",), columns=(ReportColumn(name="top1", title="top-1"),), groups=groups)
    report = Report(table=table, names=("ResNet50+SE", "ResNet18+SE"))
    assert [(name, row) for name, row in report.rows()] == [("ResNet50+SE", rows[0]), ("ResNet18+SE", rows[1])]
    assert report.runs() == ["a", "b", "c"]


@pytest.mark.parametrize(
    ("globs", "expected"),
    [
        ((), NAMES),
        (("ResNet50*",), NAMES[:3]),
        (("*+SE", "MobileNetV2"), (NAMES[1], NAMES[3])),
        (("ResNet50+[SE]",), (NAMES[2],)),
    ],
)
def test_globs_choose_rows_in_the_tables_order_and_a_very_name_means_itself(
    globs: tuple[str, ...], expected: tuple[str, ...]
) -> None:
    assert matching(NAMES, globs) == list(expected)


def test_a_glob_that_fits_nothing_names_the_nearest() -> None:
    with pytest.raises(SpecError, match=r"'ResNet5'.*did you mean 'ResNet50'"):
        matching(NAMES, ("ResNet50", "ResNet5"))
