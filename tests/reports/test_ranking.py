"""The best and the second-best cell of each column."""

from __future__ import annotations

from statistics import fmean
from typing import Literal

import pytest

from attnctl.reports.ranking import bold_notes, ranked
from attnctl.reports.table import Cell, Group, ReportColumn, ReportTable, Row


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


TOP1 = ReportColumn(name="top1", title="top-1", better="higher", measured=True)
SIX = (91.0, 91.3, 91.1, 91.6, 91.2, 91.5)


def seeded(*samples: tuple[float, ...], start: tuple[int, ...] = ()) -> list[Row]:
    """Rows with a value for each seed; start: the first seed of each."""
    made = []
    for number, values in enumerate(samples):
        first = start[number] if start else 0
        seeds = tuple(range(first, first + len(values)))
        cell = Cell(value=fmean(values), values=values, seeds=seeds, n=len(values))
        made.append(Row(header=(str(number),), cells=(cell,)))
    return made


def bold(rows: list[Row], *, unpaired: bool = False) -> list[bool]:
    return [row.cells[0].best for row in ranked(rows, (TOP1,), unpaired=unpaired)]


def notes(rows: list[Row]) -> list[str]:
    group = Group(title="", rows=tuple(rows))
    return list(bold_notes(ReportTable(title="", headers=("",), columns=(TOP1,), groups=(group,)), "the highest"))


def test_from_six_seeds_on_every_cell_is_best_that_is_not_significantly_below() -> None:
    near = tuple(value - step for value, step in zip(SIX, (0.1, -0.1, 0.2, 0.1, -0.2, 0.1), strict=True))
    below = tuple(value - step for value, step in zip(SIX, (0.1, 0.1, 0.2, 0.1, 0.3, 0.1), strict=True))  # in each seed
    rows = seeded(near, SIX, below)
    assert bold(rows) == [True, True, False]
    assert not any(row.cells[0].second for row in ranked(rows, (TOP1,)))
    assert "not significantly below it (sign-flip test over the shared seeds" in notes(rows)[0]


def test_below_six_seeds_only_the_highest_mean_is_best_and_the_note_says_so() -> None:
    near = tuple(value - step for value, step in zip(SIX, (0.1, -0.1, 0.2, 0.1, -0.2, 0.1), strict=True))
    rows = seeded(near[:5], SIX[:5])
    assert bold(rows) == [False, True]
    assert notes(rows) == ["Bold: the highest of each group; underlined: the second; not tested (that takes 6 seeds)."]


def test_cells_that_share_too_few_seeds_with_the_best_are_not_tested() -> None:
    apart = tuple(value - 0.01 for value in SIX)
    rows = seeded(apart, SIX, tuple(value - 0.02 * (at + 1) for at, value in enumerate(SIX)), start=(3, 0, 0))
    assert bold(rows) == [False, True, False]  # the last is below in each seed


def test_by_option_the_cells_are_tested_as_if_unpaired() -> None:
    below = tuple(value - 0.05 for value in SIX)
    assert bold(seeded(SIX, below)) == [True, False]
    assert bold(seeded(SIX, below), unpaired=True) == [True, True]
