"""Reads a report's CSV back as its table, to prove that the file holds all of it."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from typing import Any

from attnctl.reports.csv_cells import restored
from attnctl.reports.table import ReportTable
from attnctl.reports.tabular import MODEL

READ: dict[str, Callable[[str], dict[str, Any]]] = {
    "": lambda text: {"value": float(text) if text else None},
    "printed": lambda text: {"printed": text},
    "std": lambda text: {"spread": float(text) if text else None},
    "interval": lambda text: {"interval": list(map(float, text.split())) or None},
    "n": lambda text: {"n": int(text)},
    "of": lambda text: {"wanted": int(text)},
    "state": lambda text: {"state": text},
    "runs": lambda text: {"runs": text.split()},
    "best": lambda text: {"best": text == "yes"},
    "second": lambda text: {"second": text == "yes"},
    "marks": lambda text: {"marks": text.split()},
}
"""The parts of a cell: the ending of a column's name -> the field of the cell that its text holds."""


def read_csv(text: str) -> ReportTable:
    """The table that `attnctl.reports.tabular.render_csv` wrote."""
    headings, *lines = ([restored(cell) for cell in line] for line in csv.reader(io.StringIO(text, newline="")))
    assert headings[-1] == MODEL
    model = json.loads(lines[0][-1])
    parts = model.pop("parts")
    rows = iter(lines)
    for group in model["groups"]:
        group["rows"] = [_row(next(rows), len(model["headers"]), parts) for _ in range(group["rows"])]
    return ReportTable.from_json(model)


def _row(line: list[str], headers: int, parts: list[list[str]]) -> dict[str, Any]:
    fields = iter(line[headers + 2 :])
    cells = [{name: value for part in names for name, value in READ[part](next(fields)).items()} for names in parts]
    return {"header": line[1 : headers + 1], "marks": line[headers + 1].split(), "cells": cells}
