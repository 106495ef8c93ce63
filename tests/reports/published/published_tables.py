"""Tables of papers beside what was measured."""

from attnctl import papers
from attnctl.reports import published
from tests.reports.report_workspace import cells, families
from tests.reports.report_workspace import table as named

EAN2 = named("ean:2")
TABLES = [table for name in papers.names() for table in papers.load(name).tables.values()]


def trained_rows(table):
    return list(dict.fromkeys(item.row.name for item in cells(table) if item.variants))


def build(workspace, table, items=None, **more):
    items = cells(table) if items is None else items
    return published.build(table, items, families(workspace, items), **more)
