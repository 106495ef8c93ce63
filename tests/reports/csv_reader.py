"""Reads a report's CSV back, to prove that the file holds every cell of the table."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from attnctl.reports.csv_cells import restored
from attnctl.reports.table import Cell, Group, ReportTable, Row, all_rows

READ: dict[str, Callable[[str], dict[str, Any]]] = {
    "": lambda text: {"value": float(text) if text else None},
    "printed": lambda text: {"printed": text},
    "std": lambda text: {"spread": float(text) if text else None},
    "low": lambda text: {"low": float(text) if text else None},
    "high": lambda text: {"high": float(text) if text else None},
    "n": lambda text: {"n": int(text)},
    "of": lambda text: {"wanted": int(text)},
    "state": lambda text: {"state": text},
    "runs": lambda text: {"runs": text.split()},
    "best": lambda text: {"best": text == "yes"},
    "second": lambda text: {"second": text == "yes"},
    "notes": lambda text: {"notes": text},
}
"""The parts of a cell: the ending of a column's name -> the field of the cell that its text holds."""


Line = dict[str, Any]
"""The group, header and notes of a row, and its cells: a part that the file does not have is left out."""


def read_csv(text: str, table: ReportTable) -> list[Line]:
    """The rows that `attnctl.reports.tabular.render_csv` wrote. table: for the names of the columns."""
    headings, *lines = ([restored(cell) for cell in line] for line in csv.reader(io.StringIO(text, newline="")))
    headers = len(table.headers)
    assert headings[: headers + 2] == ["group", *table.headers, "notes"]
    fields = headings[headers + 2 :]
    parts = [_parts(column.name, fields) for column in table.columns]
    assert fields == []
    return [_row(line, headers, parts) for line in lines]


def _parts(name: str, fields: list[str]) -> list[str]:
    """The parts of a column, which are taken from the fields that are left."""
    assert fields.pop(0) == name
    found = [""]
    for part in READ:
        if part and fields and fields[0] == f"{name}_{part}":
            found.append(part)
            fields.pop(0)
    return found


def _row(line: list[str], headers: int, parts: list[list[str]]) -> Line:
    fields = iter(line[headers + 2 :])
    cells = [{name: value for part in names for name, value in READ[part](next(fields)).items()} for names in parts]
    assert next(fields, None) is None
    return {"group": line[0], "header": line[1 : headers + 1], "notes": line[headers + 1], "cells": cells}


def lines_of(table: ReportTable) -> list[Line]:
    """What `read_csv` is to give, with all parts of every cell."""
    texts = {note.mark: note.text for note in table.footnotes}

    def notes(marks: Sequence[str]) -> str:
        return "; ".join(texts.get(mark, mark) for mark in marks)

    return [
        {
            "group": group.title,
            "header": list(row.header),
            "notes": notes(row.marks),
            "cells": [
                {
                    "value": cell.value,
                    "printed": cell.printed,
                    "spread": cell.spread,
                    "low": cell.interval[0] if cell.interval else None,
                    "high": cell.interval[1] if cell.interval else None,
                    "n": cell.n,
                    "wanted": cell.wanted,
                    "state": cell.state,
                    "runs": list(cell.runs),
                    "best": cell.best,
                    "second": cell.second,
                    "notes": notes(cell.marks),
                }
                for cell in row.cells
            ],
        }
        for group, row in all_rows(table)
    ]


def assert_holds_all(text: str, table: ReportTable) -> None:
    """The file has every row, and of each cell every part that is not empty in all of its column."""
    found = read_csv(text, table)
    nothing = lines_of(replace(table, groups=(Group(title="", rows=(Row(header=(), cells=(Cell(),)),)),)))
    (empty,) = nothing[0]["cells"]
    for line in found:
        line["cells"] = [{**empty, **cell} for cell in line["cells"]]
    assert found == lines_of(table)
