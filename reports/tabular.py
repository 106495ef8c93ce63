"""A table for machines: CSV and JSON, with every number as it was measured."""

from __future__ import annotations

import csv
import io
import json

from reports.table import Column, Table, all_rows


def render_csv(table: Table) -> str:
    """One line a row. What is measured gives NAME, NAME_std, NAME_n, NAME_of (seeds asked for) and NAME_state."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    parts = [part for column in table.columns for part in _parts(column)]
    writer.writerow(["group", *table.headers, *parts, "runs"])
    for group, row in all_rows(table):
        numbers: list[float | str | None] = []
        for column, cell in zip(table.columns, row.cells, strict=True):
            numbers.append(cell.value)
            if column.measured:
                numbers += [cell.spread, cell.n, cell.wanted, cell.state]
        runs = dict.fromkeys(run for cell in row.cells for run in cell.runs)
        writer.writerow([group.title, *row.header, *numbers, " ".join(runs)])
    return stream.getvalue()


def _parts(column: Column) -> list[str]:
    parts = ("std", "n", "of", "state") if column.measured else ()
    return [column.name, *(f"{column.name}_{part}" for part in parts)]


def render_json(table: Table) -> str:
    """The whole table model; `Table.from_json` reads it back."""
    return json.dumps(table.to_json(), indent=2, ensure_ascii=False, allow_nan=False) + "\n"
