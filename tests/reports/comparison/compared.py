"""Cells of a comparison, and runs to compare."""

from __future__ import annotations

from attnctl.db.rows import RunRow
from attnctl.reports.display_names import PLAIN
from attnctl.reports.table import Cell, ReportTable
from tests.reports.report_rows import rows


def cell(table: ReportTable, header: str, column: str = "top1") -> Cell:
    """The cell of the only row that is called so, as displayed or as typed: `ela kernel=7`, or `none`."""
    names = [item.name for item in table.columns]
    module, *words = header.split(" ")
    settings = [(name, value) for name, _, value in (word.partition("=") for word in words)]
    texts = {header, PLAIN.row(module, settings, "resnet20") if all(value for _, value in settings) else header}
    (found,) = [row for group in table.groups for row in group.rows if row.header[0] in texts]
    return found.cells[names.index(column)]


def three_seeds() -> list[RunRow]:
    values = [90.0, 91.0, 92.0, 93.0, 94.0, 96.0]
    return rows(values, ("none", "ela"), ("0", "1", "2"))
