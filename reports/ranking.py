"""The best and the second-best cell of each column among the rows that are compared."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from attnctl.reports.table import ReportColumn, Row

LEAST = 3
"""Cells with a number from which on the second best is marked: of two it is just the other."""


def ranked(rows: Sequence[Row], columns: Sequence[ReportColumn]) -> tuple[Row, ...]:
    """The rows of a group with the best and second-best cells marked, each with whatever shows the same number."""
    cells = [list(row.cells) for row in rows]
    for position, column in enumerate(columns):
        values = [row[position].value for row in cells]
        numbers = sorted((value for value in values if value is not None), reverse=column.better == "higher")
        if column.better is None or len(numbers) < 2:
            continue
        places = list(dict.fromkeys(map(column.show, numbers)))
        second = places[1] if len(places) > 1 and len(numbers) >= LEAST else None
        for value, row in zip(values, cells, strict=True):
            if value is not None:
                shown = column.show(value)
                row[position] = replace(row[position], best=shown == places[0], second=shown == second)
    return tuple(replace(row, cells=tuple(own)) for row, own in zip(rows, cells, strict=True))
