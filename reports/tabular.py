"""A table for machines: CSV and JSON, with every number as it was measured; both are read back as the same table."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from attnctl.reports.table import Cell, Column, Table, all_rows
from attnctl.values import SpecError
from attnctl.workspace import untrusted_json

MODEL = "model"
"""The last field: in the first line what is not in cells, as JSON (title, columns, notes ...); empty in the others."""


@dataclass(frozen=True)
class _Part:
    """A field of a cell. name: of the CSV's column, after that of the table's; empty: that name alone."""

    name: str
    write: Callable[[Cell], object]
    read: Callable[[str], dict[str, Any]]
    always: bool = False
    """It is written for every measured column; the others only where a cell has it."""


def _text(name: str) -> Callable[[str], dict[str, Any]]:
    return lambda text: {name: text}


def _words(name: str) -> Callable[[str], dict[str, Any]]:
    return lambda text: {name: tuple(text.split())}


def _number(name: str) -> Callable[[str], dict[str, Any]]:
    return lambda text: {name: float(text) if text else None}


def _count(name: str) -> Callable[[str], dict[str, Any]]:
    return lambda text: {name: int(text)}


def _flag(name: str) -> Callable[[str], dict[str, Any]]:
    return lambda text: {name: text == "yes"}


PARTS = (
    _Part("", lambda cell: cell.value, _number("value"), always=True),
    _Part("printed", lambda cell: cell.printed, _text("printed")),
    _Part("std", lambda cell: cell.spread, _number("spread"), always=True),
    _Part(
        "interval",
        lambda cell: " ".join(map(repr, cell.interval)) if cell.interval else "",
        lambda text: {"interval": tuple(map(float, text.split())) or None},
    ),
    _Part("n", lambda cell: cell.n, _count("n"), always=True),
    _Part("of", lambda cell: cell.wanted, _count("wanted"), always=True),
    _Part("state", lambda cell: cell.state, _text("state"), always=True),
    _Part("runs", lambda cell: " ".join(cell.runs), _words("runs")),
    _Part("best", lambda cell: "yes" if cell.best else "", _flag("best")),
    _Part("second", lambda cell: "yes" if cell.second else "", _flag("second")),
    _Part("marks", lambda cell: " ".join(cell.marks), _words("marks")),
)


def render_csv(table: Table) -> str:
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


def read_csv(text: str) -> Table:
    """The table that `render_csv` gave, whole; raises SpecError for anything else."""
    try:
        lines = list(csv.reader(io.StringIO(text, newline="")))
    except csv.Error as error:
        raise SpecError(f"not a report's CSV: {error}") from error
    if len(lines) < 2 or lines[0][-1:] != [MODEL]:
        raise SpecError(f"not a report's CSV: its last column must be {MODEL!r}")
    try:
        model = untrusted_json.loads_object(lines[1][-1])
    except ValueError as error:
        raise SpecError(f"not a report's CSV: its column {MODEL!r} does not hold the table: {error}") from error
    parts = {part.name: part for part in PARTS}
    own = [[parts[name] for name in names] for names in model.pop("parts")]
    rows = iter(lines[1:])
    for group in model["groups"]:
        group["rows"] = [_row(next(rows), len(model["headers"]), own) for _ in range(group["rows"])]
    return Table.from_json(model)


def _row(line: Sequence[str], headers: int, parts: Sequence[Sequence[_Part]]) -> dict[str, Any]:
    """A row's line as the JSON values of a row."""
    fields = iter(line[headers + 2 :])
    cells = [{name: value for part in own for name, value in part.read(next(fields)).items()} for own in parts]
    return {"header": line[1 : headers + 1], "marks": line[headers + 1].split(), "cells": cells}


def _model(table: Table, parts: Sequence[Sequence[_Part]]) -> dict[str, Any]:
    """Everything that is not in cells; of a group its title and how many rows it has."""
    groups = [{"title": group.title, "rows": len(group.rows)} for group in table.groups]
    return {**table.to_json(), "groups": groups, "parts": [[part.name for part in own] for own in parts]}


def _parts(column: Column, cells: Sequence[Cell]) -> list[_Part]:
    """The parts of a column: its value, what every measured one has, and what some cell has besides."""
    nothing = Cell()
    return [
        part
        for part in PARTS
        if not part.name
        or (column.measured and part.always)
        or any(part.write(cell) != part.write(nothing) for cell in cells)
    ]


def _name(column: Column, part: _Part) -> str:
    return f"{column.name}_{part.name}" if part.name else column.name


def _write(stream: io.StringIO, fields: Sequence[object]) -> None:
    # Before Python 3.13 a lone carriage return is not quoted by itself, and ends the row when it is read.
    returning = any("\r" in field for field in fields if isinstance(field, str))
    csv.writer(stream, lineterminator="\n", quoting=csv.QUOTE_ALL if returning else csv.QUOTE_MINIMAL).writerow(fields)


def render_json(table: Table) -> str:
    """The whole table model; `Table.from_json` reads it back."""
    return json.dumps(table.to_json(), indent=2, ensure_ascii=False, allow_nan=False) + "\n"
