"""The keys of papers behind the rows of a comparison."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from attnctl.components import AND, AT
from attnctl.reports.table import ReportTable, Row


def with_citations(table: ReportTable, keys: Mapping[str, str]) -> ReportTable:
    """The table with the key of each row's modules; `ean+se` has two. Rows that have a key keep it."""

    def cited(row: Row) -> Row:
        module = next((fact.value for fact in row.facts if fact.axis == "module"), "")
        parts = [part.partition(AT)[0] for part in module.split(AND)]
        return replace(row, cite=row.cite or ",".join(dict.fromkeys(keys[part] for part in parts if part in keys)))

    return replace(table, groups=tuple(replace(group, rows=tuple(map(cited, group.rows))) for group in table.groups))
