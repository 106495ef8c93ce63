"""Reads the figures of a paper's file."""

from __future__ import annotations

from collections.abc import Mapping
from fnmatch import fnmatchcase
from typing import Any

from attnctl import lines
from attnctl.metrics import ALL_MEASURED
from attnctl.papers import kinds
from attnctl.papers.document import Document
from attnctl.papers.kinds import Kind
from attnctl.papers.model import FIGURES, Figure, PaperTable
from attnctl.values import did_you_mean

_DRAWN = kinds.one_of((*ALL_MEASURED, "fps"))

FIGURE: Mapping[str, Kind] = {
    "caption": kinds.text,
    "kind": kinds.one_of(FIGURES),
    "table": kinds.line,
    "rows": kinds.list_of(kinds.line),
    "x": kinds.line,
    "y": _DRAWN,
    "settings": kinds.section,
    "published": kinds.section,
    "note": kinds.text,
}
SETTINGS: Mapping[str, Mapping[str, Kind]] = {
    "sweep": {"series": kinds.sections},
    "curves": {"also": kinds.list_of(_DRAWN), "reach": kinds.list_of(kinds.number)},
    "scatter": {"panels": kinds.sections},
    "cam": {"layers": kinds.list_of(kinds.line), "images": kinds.count, "method": kinds.line},
    "histogram": {"layers": kinds.list_of(kinds.line), "classes": kinds.list_of(kinds.count)},
}
SERIES: Mapping[str, Kind] = {
    "title": kinds.line,
    "table": kinds.line,
    "row": kinds.line,
    "column": kinds.line,
    "values": kinds.list_of(kinds.scalar),
}
PANEL: Mapping[str, Kind] = {
    "title": kinds.line,
    "table": kinds.line,
    "rows": kinds.list_of(kinds.line),
    "x": kinds.line,
    "y": _DRAWN,
}


def read_figure(document: Document, paper: str, number: str, tables: Mapping[str, PaperTable]) -> Figure:
    """Read a figure and check that its tables, rows and columns exist; raises SpecError with the line."""
    path = ("figures", number)
    document.value(path, kinds.label, number)
    values = document.section(path, document.root["figures"][number], FIGURE, required=("caption", "kind"))
    _check_rows(document, path, values, tables)
    settings_path = (*path, "settings")
    required = ("series",) if values["kind"] == "sweep" else ()
    settings = document.section(settings_path, values.get("settings", {}), SETTINGS[values["kind"]], required)
    if values["kind"] == "sweep" and "x" not in values:
        raise document.error(path, "lacks x, the hyperparameter that the series are drawn over")
    for key, read_part in (("series", _series), ("panels", _panel)):
        if key in settings:
            settings[key] = tuple(
                read_part(document, (*settings_path, key, index), section, tables)
                for index, section in enumerate(settings[key])
            )
    return Figure(paper=paper, number=number, **{**values, "settings": settings})


def _check_rows(
    document: Document, path: lines.Path, values: Mapping[str, Any], tables: Mapping[str, PaperTable]
) -> None:
    """Check that the table exists and has rows of these names."""
    table = values.get("table")
    if table is None and "rows" in values:
        raise document.error((*path, "rows"), 'rows are those of a table; name it, such as table = "1"')
    if table is not None and table not in tables:
        raise document.error((*path, "table"), f"there is no table {table!r}{did_you_mean(table, tables)}")
    for index, pattern in enumerate(values.get("rows", ())):
        names = [row.name for row in tables[values["table"]].rows]
        if not any(fnmatchcase(name, pattern) for name in names):
            raise document.error(
                (*path, "rows", index), f"table {table} has no row {pattern!r}{did_you_mean(pattern, names)}"
            )


def _panel(document: Document, path: lines.Path, section: Any, tables: Mapping[str, PaperTable]) -> dict[str, Any]:
    panel = document.section(path, section, PANEL, required=("table",))
    _check_rows(document, path, panel, tables)
    return panel


def _series(document: Document, path: lines.Path, section: Any, tables: Mapping[str, PaperTable]) -> dict[str, Any]:
    """Values of x for a cell of a table."""
    series = document.section(path, section, SERIES, required=tuple(SERIES))
    _check_rows(document, path, {"table": series["table"]}, tables)
    table = tables[series["table"]]
    for key, names in (("row", [row.name for row in table.rows]), ("column", [column.key for column in table.columns])):
        if series[key] not in names:
            raise document.error(
                (*path, key), f"table {table.number} has no {key} {series[key]!r}{did_you_mean(series[key], names)}"
            )
    return series
