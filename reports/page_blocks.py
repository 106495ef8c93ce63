"""Which columns of a table stand beside each other on a page, and which go into a block under them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

from attnctl.reports.table import ReportTable, all_rows, spans

PAGE = (75, 40)
"""Characters beside and lines under each other, about, that a page of a paper shows at its common size."""

NOTES = 110
"""Characters of notes, about, that take the place of a line."""

LEGIBLE = 0.6
"""Of that size: six points of ten."""


def parted(table: ReportTable) -> list[ReportTable]:
    """The table's columns in the fewest blocks, one under the other, that can be read; else in those shown largest.

    Columns under one heading stay together. One block is the table itself.
    """
    own = spans(table.columns)
    if not own:
        return [table]
    ends = [0]
    for span in own:
        ends.append(ends[-1] + len(span.columns))
    wide = [sum(_characters(table, place) for place in range(*edges)) for edges in pairwise(ends)]
    head = sum(
        max(map(len, [name, *(row.header[at] for _, row in all_rows(table))])) for at, name in enumerate(table.headers)
    )
    lines = sum(1 + len(group.rows) for group in table.groups) + 3

    notes = [*table.notes, *(footnote.text for footnote in table.footnotes)]
    room = max(PAGE[1] - sum(map(len, notes)) / NOTES, PAGE[1] / 3)

    def size(cuts: Sequence[int]) -> float:
        widest = max(head + sum(wide[start:end]) for start, end in pairwise(cuts))
        return min(1.0, PAGE[0] / widest, room / (lines * (len(cuts) - 1)))

    ways = {tuple(_cuts(wide, limit)) for limit in _limits(wide)}
    chosen = max(ways, key=lambda cuts: (min(size(cuts), LEGIBLE), -len(cuts), size(cuts)))
    if len(chosen) == 2:
        return [table]
    return [_columns(table, range(ends[start], ends[end])) for start, end in pairwise(chosen)]


def _limits(wide: Sequence[int]) -> list[int]:
    """The widths of all runs of neighbours: every way to fill blocks from the left comes from one of these."""
    return sorted({sum(wide[start:end]) for end in range(1, len(wide) + 1) for start in range(end)} | {max(wide)})


def _cuts(wide: Sequence[int], limit: int) -> list[int]:
    """Where blocks begin that are filled from the left up to that width, and where the last one ends."""
    cuts, used = [0], 0
    for place, width in enumerate(wide):
        if place > cuts[-1] and used + width > limit:
            cuts.append(place)
            used = 0
        used += width
    return [*cuts, len(wide)]


def _characters(table: ReportTable, place: int) -> int:
    """How wide a column is, in characters, with the space beside it."""
    column = table.columns[place]
    cells = [row.cells[place] for _, row in all_rows(table)]
    shown = [
        column.show_number(cell) + column.show_spread(cell) + column.show_interval(cell) or cell.state for cell in cells
    ]
    return 2 + max(map(len, [column.heading, *shown]))


def _columns(table: ReportTable, places: Sequence[int]) -> ReportTable:
    """The table with these columns only."""
    groups = [
        replace(group, rows=tuple(replace(row, cells=tuple(row.cells[at] for at in places)) for row in group.rows))
        for group in table.groups
    ]
    return replace(table, columns=tuple(table.columns[at] for at in places), groups=tuple(groups))
