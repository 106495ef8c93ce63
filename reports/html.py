"""A table as one self-contained page: sorted by a click, readable on a phone, each number leading to its runs.

The page, its style and its script are in `reports/page/`; jinja escapes every text. Nothing is loaded from elsewhere.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from attnctl.reports.table import (
    Cell,
    Group,
    Origin,
    Plot,
    ReportColumn,
    ReportTable,
    Row,
    all_rows,
    one_line,
    spans,
    texts,
)

if TYPE_CHECKING:
    from jinja2 import Template

_LEADING = re.compile(r"\s*([+-]?\d+(?:\.\d+)?)")


def render(table: ReportTable, origins: Sequence[Origin] = (), plots: Sequence[Plot] = ()) -> str:
    """The page. origins: of the runs behind the numbers, told under the table; plots: drawn below it."""
    sources = _Sources.of(table, origins)
    return _template().render(
        title=one_line(table.title) or "Report",
        headers=table.headers,
        columns=table.columns,
        spans=spans(table.columns) if any(column.span for column in table.columns) else [],
        groups=[(one_line(group.title), list(_rows(group, table, sources))) for group in table.groups],
        width=len(table.headers) + len(table.columns),
        notes=table.notes,
        footnotes=table.footnotes,
        plots=plots,
        sets=sources.sets.items(),
        runs=sources.runs,
    )


@cache
def _template() -> Template:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("attnctl.reports", "page"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        finalize=lambda value: one_line(value) if type(value) is str else value,
    )
    return environment.get_template("report.html")


@dataclass(frozen=True)
class _Sources:
    """The runs behind the numbers of a table, and the sets of several behind one."""

    runs: Sequence[Origin]
    sets: dict[tuple[str, ...], tuple[str, str]]
    """Runs -> the set's name on the page, and the first cell that it stands behind."""

    @classmethod
    def of(cls, table: ReportTable, origins: Sequence[Origin]) -> _Sources:
        """Every run that a cell names; those that no origin tells of have no facts."""
        known = {origin.run: origin for origin in origins}
        behind: dict[tuple[str, ...], str] = {}
        for group, row in all_rows(table):
            for cell, column in zip(row.cells, table.columns, strict=True):
                where = filter(None, (group.title, *row.header, column.full_heading))
                behind.setdefault(cell.runs, ", ".join(where))
        runs = dict.fromkeys(run for members in behind for run in members)
        several = [(members, where) for members, where in behind.items() if len(members) > 1]
        return cls(
            runs=[
                known.get(run) or Origin(run=run, facts=()) for run in (*known, *(r for r in runs if r not in known))
            ],
            sets={members: (f"runs-{number}", where) for number, (members, where) in enumerate(several, 1)},
        )

    def target(self, cell: Cell) -> str:
        """The anchor of a cell's runs; empty where it has none."""
        if cell.runs in self.sets:
            return self.sets[cell.runs][0]
        return f"run-{cell.runs[0]}" if cell.runs else ""


@dataclass(frozen=True, kw_only=True)
class _Shown:
    """A cell as the page shows it."""

    number: str
    state: str
    marks: tuple[str, ...]
    target: str
    best: bool
    second: bool
    words: bool
    order: str
    """What it is sorted by: a number, or a text; empty goes to the end."""


def _rows(group: Group, table: ReportTable, sources: _Sources) -> Iterator[tuple[Row, list[_Shown]]]:
    for row in group.rows:
        parts = zip(row.cells, table.columns, texts(row, table.columns, " ± "), strict=True)
        yield (
            row,
            [
                _Shown(
                    number=number,
                    state=state,
                    marks=cell.marks,
                    target=sources.target(cell),
                    best=cell.best,
                    second=cell.second,
                    words=column.kind == "words",
                    order=_order(cell, column),
                )
                for cell, column, (number, state) in parts
            ],
        )


def _order(cell: Cell, column: ReportColumn) -> str:
    if column.kind == "words":
        return cell.printed
    if cell.value is not None:
        return repr(float(cell.value))
    found = _LEADING.match(cell.printed)
    return found[1] if found else cell.printed
