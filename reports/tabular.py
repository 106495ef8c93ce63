"""A table for machines: CSV and JSON, with every number as it was measured; both hold the whole table."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from attnctl.reports.csv_cells import protected
from attnctl.reports.table import Cell, ReportColumn, ReportTable, all_rows

MODEL = "model"
"""The last field: in the first line what is not in cells, as JSON (title, columns, notes ...); empty in the others."""


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
    _Part("interval", lambda cell: " ".join(map(repr, cell.interval)) if cell.interval else ""),
    _Part("n", lambda cell: cell.n, always=True),
    _Part("of", lambda cell: cell.wanted, always=True),
    _Part("state", lambda cell: cell.state, always=True),
    _Part("runs", lambda cell: " ".join(cell.runs)),
    _Part("best", lambda cell: "yes" if cell.best else ""),
    _Part("second", lambda cell: "yes" if cell.second else ""),
    _Part("marks", lambda cell: " ".join(cell.marks)),
)


def render_csv(table: ReportTable) -> str:
    """One line a row: its group, texts and marks, then each column NAME with the parts that its cells have.

    The parts: NAME the value, NAME_printed what is shown instead, NAME_std, NAME_interval (two numbers), NAME_n,
    NAME_of (seeds asked for), NAME_state, NAME_runs (ids), NAME_best, NAME_second (`yes` or empty) and NAME_marks.
    """
    stream = io.StringIO()
    rows = [row for _, row in all_rows(table)]
    parts = [_parts(column, [row.cells[place] for row in rows]) for place, column in enumerate(table.columns)]
    names = [_name(column, part) for column, own in zip(table.columns, parts, strict=True) for part in own]
    _write(stream, ["group", *table.headers, "marks", *names, MODEL])
    model = json.dumps(_model(table, parts), ensure_ascii=False)
    for group, row in all_rows(table):
        cells = [part.write(cell) for cell, own in zip(row.cells, parts, strict=True) for part in own]
        _write(stream, [group.title, *row.header, " ".join(row.marks), *cells, model])
        model = ""
    if model:  # a table without rows
        _write(stream, ["", *[""] * len(table.headers), "", *[""] * len(names), model])
    return stream.getvalue()


def _model(table: ReportTable, parts: Sequence[Sequence[_Part]]) -> dict[str, Any]:
    """Everything that is not in cells; of a group its title and how many rows it has."""
    groups = [{"title": group.title, "rows": len(group.rows)} for group in table.groups]
    return {**table.to_json(), "groups": groups, "parts": [[part.name for part in own] for own in parts]}


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
