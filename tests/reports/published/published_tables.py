"""Tables of papers beside what was measured."""

from __future__ import annotations

from typing import Any

from attnctl import papers
from attnctl.papers.model import PaperTable
from attnctl.papers.runs import Cells
from attnctl.reports import published
from attnctl.reports.report import Report
from attnctl.workspace.layout import Workspace
from tests.reports.report_workspace import cells, families
from tests.reports.report_workspace import table as named

EAN2 = named("ean:2")
TABLES = [table for name in papers.names() for table in papers.load(name).tables.values()]


def trained_rows(table: PaperTable) -> list[str]:
    return list(dict.fromkeys(item.row.name for item in cells(table) if item.variants))


def build(workspace: Workspace, table: PaperTable, items: list[Cells] | None = None, **more: Any) -> Report:
    items = (
        cells(table, (), ("0", "1")) if items is None else items
    )  # each seed has a base of its own, where it has one
    return published.build(table, items, families(workspace, items), **more)
