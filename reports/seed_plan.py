"""How many seeds the comparisons of a report need: for an interval of some width, and to settle a gap."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from attnctl.reports.report import Report
from attnctl.reports.significance import GAIN
from attnctl.reports.statistics.means import Summary, interval, summary
from attnctl.reports.statistics.needed import MOST_SEEDS, POWER, correlation, seeds_for_gap, seeds_for_width
from attnctl.reports.statistics.sign_flip import least_pairs
from attnctl.reports.table import Cell, Group, ReportColumn, ReportTable, Row, all_rows
from attnctl.values import SpecError, did_you_mean

Kind = Literal["paired", "unpaired", "one-sample"]

COLUMNS = (
    ReportColumn(name="seeds", title="seeds", decimals=0),
    ReportColumn(name="spread", title="spread", decimals=3),
    ReportColumn(name="correlation", title="correlation", signed=True),
    ReportColumn(name="gap", title="gap", signed=True),
    ReportColumn(name="width", title="for the width", kind="words"),
    ReportColumn(name="settle", title="for the gap", kind="words"),
    ReportColumn(name="runs", title="new runs", decimals=0),
    ReportColumn(name="hours", title="hours", decimals=3),
)


@dataclass(frozen=True, kw_only=True)
class Need:
    """What one comparison needs.

    name: of its row. title: of its group. spread: of the row. deviation: of the differences whose mean the gap is.
    for_width, for_gap: seeds; None if no number up to MOST_SEEDS is enough, or the results do not vary.
    runs: ids of the row's and of the baseline's completed runs
    """

    kind: Kind
    name: str
    title: str
    seeds: int
    spread: float | None
    correlation: float | None
    gap: Summary
    deviation: float
    for_width: int | None
    for_gap: int | None
    runs: tuple[tuple[str, ...], ...]

    def wanted(self, *, by_width: bool) -> int | None:
        """The seeds that the plan is for."""
        return self.for_width if by_width else self.for_gap

    def new(self, wanted: int) -> tuple[int, ...]:
        """Runs to train for so many seeds, of each side."""
        return tuple(max(0, wanted - len(side)) for side in self.runs)


def needs(report: Report, metric: str, half_width: float, gap: float | None) -> list[Need]:
    """What the comparisons of a report need: of its rows with their baseline, then with the published numbers.

    half_width: of the interval of a gap. gap: the true gap that is to be found; None for the measured one
    """
    names = [column.name for column in report.table.columns]
    paired = [
        cell
        for _, row in all_rows(report.table)
        for name, cell in zip(names, row.cells, strict=True)
        if name.endswith(GAIN) and cell.method == "paired"
    ]
    least = least_pairs(len(paired))
    rows = [
        (name, group.title, dict(zip(names, row.cells, strict=True)))
        for name, (group, row) in zip(report.names, all_rows(report.table), strict=True)
    ]
    behind = {cell.values: cell.runs for _, _, cells in rows if (cell := cells.get(metric)) is not None}
    found = []
    for name, title, cells in rows:
        need = _against_baseline(name, title, cells[metric], cells.get(metric + GAIN, Cell()), behind)
        found += [_counted(need, half_width, gap, least)] if need is not None else []
    for name, title, cells in rows:
        need = _against_published(name, title, cells[metric], cells.get(f"{metric}.published", Cell()))
        found += [_counted(need, half_width, gap, 2)] if need is not None else []
    return found


def metric_of(report: Report, wanted: str | None) -> str:
    """The trained column that is planned for: the first, or the wanted one. Raises SpecError."""
    names = [column.name for column in report.table.columns if column.measured]
    if not names:
        raise SpecError("this table has no trained column")
    if wanted is not None and wanted not in names:
        raise SpecError(f"no such trained column: {wanted!r}{did_you_mean(wanted, names)}")
    return wanted or names[0]


def _counted(need: Need, half_width: float, gap: float | None, least: int) -> Need:
    return replace(
        need,
        for_width=seeds_for_width(need.deviation, half_width),
        for_gap=seeds_for_gap(need.gap.mean if gap is None else gap, need.deviation, least),
    )


def _against_baseline(
    name: str, title: str, ours: Cell, gain: Cell, behind: Mapping[tuple[float, ...], tuple[str, ...]]
) -> Need | None:
    sides = [summary(values) for values in (gain.values, gain.baseline)]
    if not gain.method or any(side is None or side.spread is None for side in sides):
        return None
    first, second = (side.spread or 0.0 for side in sides if side is not None)
    is_paired = gain.method == "paired"
    differences = [a - b for a, b in zip(gain.values, gain.baseline, strict=True)] if is_paired else []
    of_pairs = summary(differences)
    value = of_pairs if of_pairs is not None else Summary(gain.value or 0.0, None, len(gain.values))
    return Need(
        kind="paired" if is_paired else "unpaired",
        name=name,
        title=title,
        seeds=len(gain.values),
        spread=ours.spread,
        correlation=correlation(gain.values, gain.baseline) if is_paired else None,
        gap=value,
        deviation=value.spread if value.spread is not None else math.hypot(first, second),
        for_width=None,
        for_gap=None,
        runs=(ours.runs, behind.get(gain.baseline, ("",) * len(gain.baseline))),
    )


_NUMBER = re.compile(r"[+-]?\d+(\.\d+)?")


def _against_published(name: str, title: str, ours: Cell, published: Cell) -> Need | None:
    """The published number is a single one: its own spread is unknown, and counts as none."""
    match = _NUMBER.match(published.printed)
    found = summary(ours.values)
    if match is None or found is None or found.spread is None:
        return None
    return Need(
        kind="one-sample",
        name=name,
        title=title,
        seeds=found.n,
        spread=found.spread,
        correlation=None,
        gap=Summary(found.mean - float(match[0]), found.spread, found.n),
        deviation=found.spread,
        for_width=None,
        for_gap=None,
        runs=(ours.runs,),
    )


# -------------------------------------------------------------------------------------------------------------- table


def table(
    found: Sequence[Need], title: str, half_width: float, hours: Mapping[str, float], *, by_width: bool, unit: str
) -> ReportTable:
    """The plan as a table of a report. hours: process-hours of a run, by the row's name. by_width: what it is for."""
    groups: dict[str, list[Row]] = {}
    for need in found:
        heading = (
            f"{need.title}: against the published number (one-sample)" if need.kind == "one-sample" else need.title
        )
        groups.setdefault(heading, []).append(_row(need, hours, by_width=by_width))
    columns = tuple(replace(column, title=unit) if column.name == "hours" else column for column in COLUMNS)
    return ReportTable(
        title=title,
        headers=("row",),
        columns=columns,
        groups=tuple(Group(title=heading, rows=tuple(rows)) for heading, rows in groups.items()),
        notes=tuple(_notes(found, half_width, by_width=by_width)),
    )


def _row(need: Need, hours: Mapping[str, float], *, by_width: bool) -> Row:
    wanted = need.wanted(by_width=by_width)
    new = need.new(wanted) if wanted is not None else None
    each = hours.get(need.name)
    return Row(
        header=(need.name,),
        cells=(
            Cell(value=need.seeds),
            Cell(value=need.spread),
            Cell(value=need.correlation, printed="-" if need.correlation is None else ""),
            Cell(value=need.gap.mean, interval=interval(need.gap) if need.gap.spread is not None else None),
            Cell(printed=_count(need.for_width, need)),
            Cell(printed=_count(need.for_gap, need)),
            Cell(value=sum(new) if new is not None else None),
            Cell(value=sum(new) * each if new is not None and each is not None else None),
        ),
    )


def _count(seeds: int | None, need: Need) -> str:
    if seeds is not None:
        return str(seeds)
    return "unknown" if need.deviation == 0 or need.gap.equal else f"over {MOST_SEEDS}"


def _notes(found: Sequence[Need], half_width: float, *, by_width: bool) -> Iterator[str]:
    kinds = {need.kind for need in found}
    yield (
        f"for the width: seeds whose interval of the gap is ± {half_width:g} or narrower. for the gap: seeds that find "
        f"a gap of this size with a probability of {100 * POWER:g} % (t-test at 5 %), and are enough for a report's "
        "marks. Both if the spread stays as it is, which few seeds tell only roughly."
    )
    if "paired" in kinds:
        yield (
            "correlation: of a row with its baseline over the shared seeds. gap: mean difference, with the 95 % "
            "confidence interval of the paired t-test."
        )
    if any(need.kind == "paired" and need.correlation is None for need in found):
        yield (
            "A row with - has no correlation: that takes three shared seeds, and results of both the row and its "
            "baseline that differ between seeds."
        )
    if "unpaired" in kinds:
        yield "Rows without a correlation share fewer than two seeds with their baseline."
    if "one-sample" in kinds:
        yield (
            "one-sample: the mean here against a published number, which is a single value: how much that would vary "
            "is unknown, so a gap is less certain than the interval says."
        )
    yield f"new runs and hours: of the row and its baseline, {'for the width' if by_width else 'for the gap'}."
