"""A table as one self-contained page: sorted, filtered, readable on a phone, each number leading to its runs.

The page, its style and its script are in `reports/page/`; jinja escapes every text, and the page's policy lets the
browser run that script and no other. Nothing is loaded from elsewhere.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
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
_HYPHEN = re.compile(r"(?<![\w.)\]])-(?=\.?\d)")
"""A hyphen that is the minus of a number."""

_SUMMARY = {"what": "", "in": "", "seed": "seed ", "state": ""}
"""The facts that stand beside a run while it is collapsed, and what precedes them."""


@dataclass(frozen=True)
class Live:
    """Of a page whose file is written again: how often it reloads itself, and what it says about that."""

    seconds: int
    words: str


def render(
    table: ReportTable, origins: Sequence[Origin] = (), plots: Sequence[Plot] = (), live: Live | None = None
) -> str:
    """The page. origins: of the runs behind the numbers, told under the table; plots: drawn below it."""
    from markupsafe import Markup

    sources = _Sources.of(table, origins)
    script, script_hash = _script()
    return _template().render(
        live=live,
        script=Markup(script),  # noqa: S704 - the file of this package
        script_hash=script_hash,
        row_runs=_row_runs,
        summary=_summary,
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


@cache
def _script() -> tuple[str, str]:
    """The page's script, and its hash as the page's policy names it."""
    text = files("attnctl.reports").joinpath("page", "page.js").read_text(encoding="utf-8")
    return text, f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"


def _row_runs(row: Row) -> list[str]:
    """All runs behind the row, each once."""
    return list(dict.fromkeys(run for cell in row.cells for run in cell.runs))


def _summary(origin: Origin) -> list[str]:
    """What stands beside a run while it is collapsed."""
    return [_SUMMARY[name] + words for name, words in origin.facts if name in _SUMMARY]


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
    interval: str
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
                    number=_minus(number.removesuffix(column.show_interval(cell)).rstrip(), column),
                    interval=_minus(column.show_interval(cell), column),
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


def _minus(text: str, column: ReportColumn) -> str:
    """A number as it is printed, with a minus in place of a hyphen."""
    return text if column.kind == "words" else _HYPHEN.sub("\N{MINUS SIGN}", text)


def _order(cell: Cell, column: ReportColumn) -> str:
    if column.kind == "words":
        return cell.printed
    if cell.value is not None:
        return repr(float(cell.value))
    found = _LEADING.match(cell.printed)
    return found[1] if found else cell.printed
