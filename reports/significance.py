"""What a table's differences to the baseline tell: how they were computed, and which are significant."""

from __future__ import annotations

from collections.abc import Iterator

from attnctl.reports.table import Cell, ReportTable, Row, all_rows
from attnctl.values import comma_join

GAIN = ".gain"
"""The end of the name of a column of differences to the baseline."""


def gain_notes(table: ReportTable, baseline: str) -> Iterator[str]:
    """How the gains of a table were computed; nothing if it has none. baseline: what they are differences to."""
    places = [place for place, column in enumerate(table.columns) if column.name.endswith(GAIN)]
    if not places:
        return
    welch = [row for _, row in all_rows(table) if any(row.cells[place].method == "welch" for place in places)]
    if any(cell.method == "paired" for cell in _cells(table, places)):
        yield (
            f"gain: mean difference to {baseline} over the seeds that both have, with the 95 % confidence interval of "
            "the paired t-test."
        )
        if welch:
            yield f"Welch's interval, as fewer than two seeds are shared: {comma_join(map(_name, welch))}."
    elif welch:
        yield f"gain: difference to {baseline}, with Welch's 95 % confidence interval."
    else:
        yield f"gain: difference to {baseline}."


def _cells(table: ReportTable, places: list[int]) -> Iterator[Cell]:
    return (row.cells[place] for _, row in all_rows(table) for place in places)


def _name(row: Row) -> str:
    return " ".join(filter(None, row.header))
