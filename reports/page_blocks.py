"""Which columns of a table stand beside each other on a page, and which go into a block under them."""

from __future__ import annotations

from dataclasses import replace

from attnctl.reports.selection import with_places
from attnctl.reports.table import Group, ReportTable, all_rows, spans

LINE, COLUMN = 79, 53
r"""Characters, about, that \footnotesize sets beside each other in a page, and in a column of a two-column page."""

HEIGHT, NOTES = 42, 95
"""Lines of rows under each other in a page, and characters of notes, about, that take the place of one."""


def parted(table: ReportTable) -> list[ReportTable]:
    """The table in parts that fit a page: columns beside each other, and groups of rows under each other.

    Columns under one heading stay together where they fit, and so do the rows of a group. One part is the table itself.
    """
    return [part for block in _by_columns(table) for part in _by_groups(block)]


def _by_groups(table: ReportTable) -> list[ReportTable]:
    notes = [*table.notes, *(footnote.text for footnote in table.footnotes)]
    across = NOTES if characters(table) > COLUMN else NOTES / 2
    room = int(max(HEIGHT - sum(map(len, notes)) / across, HEIGHT / 2))
    parts: list[list[Group]] = []
    for group in (piece for whole in table.groups for piece in _pieces(whole, room - 1)):
        if parts and sum(map(_lines, (*parts[-1], group))) <= room:
            parts[-1].append(group)
        else:
            parts.append([group])
    return [table] if len(parts) < 2 else [replace(table, groups=tuple(groups)) for groups in parts]


def _pieces(group: Group, most: int) -> list[Group]:
    return [replace(group, rows=group.rows[start : start + most]) for start in range(0, max(len(group.rows), 1), most)]


def _lines(group: Group) -> int:
    return len(group.rows) + 1


def _by_columns(table: ReportTable) -> list[ReportTable]:
    own = spans(table.columns)
    if not own:
        return [table]
    head, wide = _head(table), [_characters(table, place) for place in range(len(table.columns))]
    pieces: list[list[int]] = []
    at = 0
    for span in own:
        places = list(range(at, at + len(span.columns)))
        at += len(span.columns)
        if head + sum(wide[place] for place in places) <= LINE:
            pieces.append(places)
        else:
            pieces += [[place] for place in places]
    parts: list[list[int]] = []
    for piece in pieces:
        if parts and head + sum(wide[place] for place in (*parts[-1], *piece)) <= LINE:
            parts[-1] += piece
        else:
            parts.append(list(piece))
    return [table] if len(parts) == 1 else [with_places(table, places) for places in parts]


def characters(table: ReportTable) -> int:
    """How wide a table is, about, in characters."""
    return _head(table) + sum(_characters(table, place) for place in range(len(table.columns)))


def _head(table: ReportTable) -> int:
    return sum(
        max(map(len, [name, *(row.header[at] for _, row in all_rows(table))])) for at, name in enumerate(table.headers)
    )


def _characters(table: ReportTable, place: int) -> int:
    """How wide a column is, in characters, with the space beside it."""
    column = table.columns[place]
    cells = [row.cells[place] for _, row in all_rows(table)]
    shown = [
        column.show_number(cell) + column.show_spread(cell) + column.show_interval(cell) + ",".join(cell.marks)
        or cell.state
        for cell in cells
    ]
    return 2 + max(map(len, [column.heading, *shown]))
