"""A paper's column as neighbouring columns of ours: what is published, what we have, and how they differ."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from attnctl import papers
from attnctl.papers import audit
from attnctl.papers.model import COUNTED
from attnctl.reports.table import ReportColumn
from attnctl.values import SpecError

Part = Literal["published", "measured", "exact", "difference", "gain"]

_OURS = {"params": "counted", "flops": "counted", "trait": "computed"}
"""What the part `measured` is called where nothing is measured."""


@dataclass(frozen=True)
class Shown:
    """A column of ours: which part of which column of the paper it is."""

    of: papers.PaperColumn
    part: Part
    column: ReportColumn


def columns_of(table: papers.PaperTable, *, gains: bool, elsewhere: Collection[str] = ()) -> list[Shown]:
    """All columns of a paper's table. gains: with the differences to the group's baseline.

    elsewhere: keys of columns in which no number is comparable with the published one.

    A column in which the paper prints nothing is ours alone; one that no row can fill is the paper's alone, but the
    first of them, in which the rows say what they wait for.
    """
    found: list[Shown] = []
    waiting = False
    for column in table.columns:
        fillable = column.kind != "words" and any(_fillable(row, column) for row in table.rows)
        parts: list[Part] = ["published"] if any(column.key in row.published for row in table.rows) else []
        if fillable or (column.kind != "words" and not waiting):
            parts.append("measured")
            waiting = waiting or not fillable
        if fillable:
            parts += _further(column, parts, gains, column.key not in elsewhere)
        found += _shown(table, column, parts)
    return found


def _fillable(row: papers.Row, column: papers.PaperColumn) -> bool:
    return not row.setup_of(column).waits


def _further(column: papers.PaperColumn, parts: Sequence[Part], gains: bool, compared: bool) -> Iterator[Part]:
    if "published" in parts and column.kind != "trait" and compared:
        yield "difference"
    if column.metric in COUNTED:
        yield "exact"
    if gains and column.kind == "run":
        yield "gain"


def _shown(table: papers.PaperTable, column: papers.PaperColumn, parts: Sequence[Part]) -> Iterator[Shown]:
    """Several parts stand under the printed title with its unit; a single one, and an exact count, have their own."""
    unit = unit_of(table, column) if column.metric in COUNTED else column.unit
    heading = f"{column.title} ({column.unit})" if column.unit else column.title
    kind: Literal["number", "words"] = "words" if column.kind in {"words", "trait"} else "number"
    scale = audit.UNITS[unit] if column.metric in COUNTED else 1
    for part in parts:
        ours = part not in {"published", "exact"}
        alone = len(parts) == 1 or part == "exact"
        yield Shown(
            column,
            part,
            ReportColumn(
                name=column.key if part == "measured" else f"{column.key}.{part}",
                title=_title(column, part, alone=alone),
                span="" if alone else heading,
                kind=kind,
                unit=column.unit if alone and part != "exact" else "",
                scale=scale if ours else 1,
                decimals=0 if part == "exact" or (column.metric in COUNTED and scale == 1) else column.decimals,
                signed=part in {"difference", "gain"},
                better=column.better if part == "measured" and kind == "number" else None,
                measured=part == "measured" and column.kind == "run",
                counted=part == "measured" and column.metric in COUNTED,
            ),
        )


def _title(column: papers.PaperColumn, part: Part, *, alone: bool) -> str:
    if part == "exact":
        return f"{column.title} exact"
    return column.title if alone else _OURS.get(column.kind, part) if part == "measured" else part


def unit_of(table: papers.PaperTable, column: papers.PaperColumn) -> str:
    """The unit in which a counted column is printed: that of its first figure."""
    for row in table.rows:
        unit = audit.unit_of(row.setup_of(column), column)
        try:
            return audit.read(row.published[column.key], unit)[1]
        except (KeyError, SpecError):
            continue
    return column.unit if column.unit in audit.UNITS else ""
