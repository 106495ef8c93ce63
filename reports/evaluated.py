"""Columns with the main metric of the runs on other images: what `attnctl eval` has found."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import PurePath
from statistics import fmean, stdev

from attnctl.metrics import BY_KEY
from attnctl.reports.report import Report
from attnctl.reports.table import Cell, ReportColumn, ReportTable, Row


@dataclass(frozen=True)
class EvaluatedRuns:
    """metric: its key, such as top1. values: run -> its value in percent."""

    metric: str
    values: Mapping[str, float]


def with_evaluations(report: Report, found: Mapping[str, EvaluatedRuns]) -> Report:
    """The report with a column for each data set, after the others."""
    columns = tuple(_column(dataset, runs.metric) for dataset, runs in found.items())

    def row(made: Row) -> Row:
        runs = list(dict.fromkeys(run for cell in made.cells for run in cell.runs))
        return replace(made, cells=(*made.cells, *(_cell(runs, of_set.values) for of_set in found.values())))

    def table(made: ReportTable) -> ReportTable:
        groups = tuple(replace(group, rows=tuple(map(row, group.rows))) for group in made.groups)
        return replace(made, columns=(*made.columns, *columns), groups=groups)

    printed = table(report.printed) if report.printed is not None else None
    return replace(report, table=table(report.table), printed=printed)


def _column(dataset: str, metric: str) -> ReportColumn:
    name = PurePath(dataset).name or dataset
    return ReportColumn(
        name=f"eval-{name.replace('.', '-')}",
        title=f"{BY_KEY[metric].label} on {name}",
        unit="%",
        better="higher",
        measured=True,
    )


def _cell(runs: Sequence[str], values: Mapping[str, float]) -> Cell:
    """The mean over the runs of a row that were evaluated."""
    known = [run for run in runs if run in values]
    if not known:
        return Cell(wanted=len(runs), state="not evaluated" if runs else "")
    numbers = [values[run] for run in known]
    return Cell(
        value=fmean(numbers),
        spread=stdev(numbers) if len(numbers) > 1 else None,
        n=len(known),
        wanted=len(runs),
        state="" if len(known) == len(runs) else f"{len(known)} of {len(runs)} evaluated",
        runs=tuple(known),
    )
