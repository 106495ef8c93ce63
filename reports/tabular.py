"""A table for machines: CSV with every number as it was measured, and JSON, which holds the whole table."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from attnctl.reports.csv_cells import protected
from attnctl.reports.table import Cell, ReportColumn, ReportTable, Row, all_rows


@dataclass(frozen=True)
class _Part:
    """A field of a cell. name: of the CSV's column, after that of the table's; empty: that name alone."""

    name: str
    write: Callable[[Cell], object]
    always: bool = False
    """It is written for every measured column; the others only where a cell has it."""


PARTS = (
    _Part("", lambda cell: cell.value, always=True),
    _Part("printed", lambda cell: cell.printed),
    _Part("std", lambda cell: cell.spread, always=True),
    _Part("low", lambda cell: cell.interval[0] if cell.interval else ""),
    _Part("high", lambda cell: cell.interval[1] if cell.interval else ""),
    _Part("n", lambda cell: cell.n, always=True),
    _Part("of", lambda cell: cell.wanted, always=True),
    _Part("state", lambda cell: cell.state, always=True),
    _Part("runs", lambda cell: " ".join(cell.runs)),
    _Part("best", lambda cell: "yes" if cell.best else ""),
    _Part("second", lambda cell: "yes" if cell.second else ""),
    _Part("notes", lambda cell: _SEPARATOR.join(cell.marks)),
)

_SEPARATOR = "; "
"""Between the footnotes of a cell or row."""


def render_csv(table: ReportTable) -> str:
    """One line a row: its group, texts, footnotes and hyperparameters, then each column NAME with its cells' parts.

    The parts: NAME the value, NAME_printed what is shown instead, NAME_std, NAME_low and NAME_high (the ends of an
    interval), NAME_n, NAME_of (seeds asked for), NAME_state, NAME_runs (ids), NAME_best, NAME_second (`yes` or empty)
    and NAME_notes (footnotes). What stands below the table is in the JSON only.
    """
    stream = io.StringIO()
    rows = [(group.title, _with_texts(row, table)) for group, row in all_rows(table)]
    parts = [_parts(column, [row.cells[place] for _, row in rows]) for place, column in enumerate(table.columns)]
    names = [_name(column, part) for column, own in zip(table.columns, parts, strict=True) for part in own]
    settings = list(dict.fromkeys(name for _, row in rows for name, _ in row.settings))
    fixed = ["group", *table.headers, "notes"]
    _write(stream, [*fixed, *(_setting(name, (*fixed, *names)) for name in settings), *names])
    for title, row in rows:
        cells = [part.write(cell) for cell, own in zip(row.cells, parts, strict=True) for part in own]
        values = dict(row.settings)
        own = [values.get(name, "") for name in settings]
        _write(stream, [title, *row.header, _SEPARATOR.join(row.marks), *own, *cells])
    return stream.getvalue()


def _with_texts(row: Row, table: ReportTable) -> Row:
    """The row with the texts of its footnotes instead of their marks."""
    texts = {note.mark: note.text for note in table.footnotes}

    def noted(marks: Sequence[str]) -> tuple[str, ...]:
        return tuple(texts.get(mark, mark) for mark in marks)

    cells = tuple(replace(cell, marks=noted(cell.marks)) for cell in row.cells)
    return replace(row, cells=cells, marks=noted(row.marks))


def _parts(column: ReportColumn, cells: Sequence[Cell]) -> list[_Part]:
    """The parts of a column: its value, what every measured one has, and what some cell has besides."""
    nothing = Cell()
    return [
        part
        for part in PARTS
        if not part.name
        or (column.measured and part.always)
        or any(part.write(cell) != part.write(nothing) for cell in cells)
    ]


def _setting(name: str, others: Sequence[str]) -> str:
    """The column of a hyperparameter, which another column may be called like."""
    return f"hyperparameter_{name}" if name in others else name


def _name(column: ReportColumn, part: _Part) -> str:
    return f"{column.name}_{part.name}" if part.name else column.name


def _write(stream: io.StringIO, fields: Sequence[object]) -> None:
    # Before Python 3.13 a lone carriage return is not quoted by itself, and ends the row when it is read.
    returning = any("\r" in field for field in fields if isinstance(field, str))
    csv.writer(stream, lineterminator="\n", quoting=csv.QUOTE_ALL if returning else csv.QUOTE_MINIMAL).writerow(
        map(protected, fields)
    )


def render_json(table: ReportTable) -> str:
    """The whole table model; `ReportTable.from_json` reads it back."""
    return json.dumps(table.to_json(), indent=2, ensure_ascii=False, allow_nan=False) + "\n"
