"""The columns of the comparison, and the cells of a row in them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from statistics import fmean

from attnctl.db import RunRow
from attnctl.reports.comparison import metrics
from attnctl.reports.replicates import Epoch, Metric, Replicates, finished, gain_cell
from attnctl.reports.significance import GAIN
from attnctl.reports.statistics.gains import gain
from attnctl.reports.table import Cell, ReportColumn

FPS = ReportColumn(name="fps", title="FPS", decimals=0)
LATENCY = ReportColumn(name="latency", title="latency", unit="ms/image")
HOURS = ReportColumn(name="hours", title="hours")
MEMORY = ReportColumn(name="memory", title="peak memory", unit="GiB", scale=2**30)
GPU = ReportColumn(name="gpu", title="GPU busy", unit="%", decimals=0)
WAIT = ReportColumn(name="wait", title="waits for data", unit="%", decimals=0)
ENERGY = ReportColumn(name="energy", title="energy", unit="kWh", scale=3.6e6, decimals=3)
ON_REQUEST: Mapping[ReportColumn, Callable[[Sequence[float]], float]] = {
    LATENCY: max,
    HOURS: fmean,
    MEMORY: max,
    GPU: fmean,
    WAIT: fmean,
    ENERGY: fmean,
}
"""Columns that are there only if they are asked for, and what a row has of its runs' values."""

SEEDS = ReportColumn(name="seeds", title="seeds", decimals=0)


def columns_of(
    rows: Sequence[RunRow], *, several: bool, gains: bool, fps: bool, more: Collection[str] = ()
) -> tuple[ReportColumn, ...]:
    """several: some row has several seeds. gains: with the differences to the plain backbone. fps: it was measured.

    more: names of columns on request
    """
    return (
        *(column for metric in metrics.columns_of(rows) for column in (metric, *([_gain(metric)] if gains else []))),
        *_size_columns(rows),
        *([FPS] if fps else []),
        *(column for column in ON_REQUEST if column.name in more),
        *([SEEDS] if several else []),
    )


def _gain(metric: ReportColumn) -> ReportColumn:
    return replace(
        metric, name=metric.name + GAIN, title=f"{metric.title} gain", signed=True, better=None, measured=False
    )


def _size_columns(rows: Sequence[RunRow]) -> tuple[ReportColumn, ReportColumn]:
    """Params in thousands or millions and MACs in millions or billions, by the smallest that is to be told."""
    params = min((row.params for row in rows if row.params), default=0)
    macs = min((row.macs for row in rows if row.macs), default=0)
    size = ("M", 1e6) if params >= 1e5 or not params else ("k", 1e3)
    work = ("G", 1e9) if macs >= 1e9 else ("M", 1e6)
    return (
        ReportColumn(name="params", title="params", unit=size[0], scale=size[1], decimals=3, counted=True),
        ReportColumn(
            name="macs", title="MACs", unit=work[0], scale=work[1], decimals=3 if work[0] == "G" else 2, counted=True
        ),
    )


@dataclass(frozen=True, kw_only=True)
class Line:
    """A row's runs. plain: those of the plain backbone, that it is compared with. fps: by run.

    more: column on request -> run -> value
    """

    runs: Replicates
    plain: Replicates | None
    fps: Mapping[str, float]
    epoch: Epoch
    more: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    unpaired: bool = False
    """Whether gains have Welch's interval even where the rows share seeds."""
    marks: tuple[str, ...] = ()
    """Of what was trained."""

    def cells(self, columns: Sequence[ReportColumn]) -> Iterator[Cell]:
        """A cell for each column."""
        for column in columns:
            if column.name.endswith(GAIN):
                yield self._gain(self._metric(column.name.removesuffix(GAIN)))
            elif column.measured:
                if column.name not in metrics.shown(self.runs.rows[0]):
                    yield Cell()  # another task's
                    continue
                cell = self.runs.cell(self._metric(column.name))
                yield replace(cell, marks=self.marks) if cell.value is not None else cell
            elif column.name == SEEDS.name:
                done = tuple(row.id for row in self.runs.rows if finished(row))
                yield Cell(value=len(done), n=len(done), wanted=self.runs.wanted, runs=done)
            elif column.name in self.more:
                yield self._on_request(column.name)
            else:
                yield self._known(column)

    def _metric(self, name: str) -> Metric:
        return Metric(name=name, epoch=self.epoch)

    def _gain(self, metric: Metric) -> Cell:
        ours = self.runs.by_seed(metric)
        plain = self.plain.by_seed(metric) if self.plain is not None else None
        if not ours or not plain or self.plain is self.runs:
            return Cell()
        return gain_cell(self.runs.cell(metric), gain(ours, plain, unpaired=self.unpaired))

    def _on_request(self, name: str) -> Cell:
        """What the runs took."""
        found = {row.id: self.more[name][row.id] for row in self.runs.rows if row.id in self.more[name]}
        summed_up = next(how for column, how in ON_REQUEST.items() if column.name == name)
        value = summed_up(list(found.values())) if found else None
        return Cell(value=value, n=len(found), wanted=self.runs.wanted, runs=tuple(found))

    def _known(self, column: ReportColumn) -> Cell:
        """What is the same for every seed."""
        values = [
            (row.id, self.fps.get(row.id) if column.name == FPS.name else getattr(row, column.name))
            for row in self.runs.rows
        ]
        known = [(run, value) for run, value in values if value is not None]
        value = known[0][1] if known else None
        return Cell(value=value, n=len(known), wanted=self.runs.wanted, runs=tuple(run for run, _ in known))
