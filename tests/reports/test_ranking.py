"""The best and the second-best cell of each column."""

from __future__ import annotations

from typing import Literal

import pytest

from attnctl.reports.ranking import ranked
from attnctl.reports.table import Cell, ReportColumn, Row


def marks(values: list[float | None], better: Literal["higher", "lower"] | None = "higher") -> list[str]:
    column = ReportColumn(name="top1", title="top-1", better=better)
    rows = [Row(header=(str(number),), cells=(Cell(value=value),)) for number, value in enumerate(values)]
    cells = [row.cells[0] for row in ranked(rows, (column,))]
    return ["best" if cell.best else "second" if cell.second else "" for cell in cells]


def test_the_highest_is_best_and_the_next_is_second() -> None:
    assert marks([90.0, 92.0, 91.0]) == ["", "best", "second"]


def test_of_errors_the_lowest_is_best() -> None:
    assert marks([9.0, 8.0, 8.5], "lower") == ["", "best", "second"]


def test_equal_shown_numbers_are_marked_equally() -> None:
    assert marks([92.001, 92.004, 91.0]) == ["best", "best", "second"]
    assert marks([92.0, 92.0, 92.0]) == ["best", "best", "best"]


@pytest.mark.parametrize("values", [[92.0], [None, 92.0], []])
def test_one_number_alone_is_not_the_best(values: list[float | None]) -> None:
    assert marks(values) == [""] * len(values)


def test_of_two_numbers_none_is_second() -> None:
    assert marks([90.0, None, 92.0]) == ["", "", "best"]


def test_a_column_without_a_better_side_has_no_best() -> None:
    assert marks([1.0, 2.0, 3.0], None) == ["", "", ""]
