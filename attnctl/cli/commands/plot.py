"""`attnctl plot`: a hyperparameter, the epochs or the cost against a metric."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated

import typer

from attnctl.cli import completion, context, output, sweep_records
from attnctl.cli.drawing.options import FigureOptions
from attnctl.cli.option_groups import Shown
from attnctl.cli.run_filter import RunFilter
from attnctl.cli.table_layout import Column
from attnctl.metrics import BY_KEY
from attnctl.units import plural
from attnctl.values import SpecError, comma_join, convert, did_you_mean, split_list, split_seeds

if TYPE_CHECKING:
    from collections.abc import Sequence

    from attnctl.db import Index, RunRow
    from attnctl.reports.display_names import DisplayNames
    from attnctl.reports.figures.data import Chart, Charts

METRICS = tuple(BY_KEY)


def plot(
    sweeps: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="SWEEP",
            help="Sweeps (default: the only one, or all runs if there are several).",
            autocompletion=completion.sweeps,
        ),
    ] = None,
    *,
    x: Annotated[
        str,
        typer.Option(
            "--x",
            help="A hyperparameter such as G, a recipe field, epoch, params, macs or latency.",
            metavar="NAME",
            autocompletion=completion.axes,
        ),
    ] = "epoch",
    y: Annotated[
        str | None,
        typer.Option(
            "--y",
            metavar="METRIC",
            help="A metric such as top1, train_loss, ap, map or miou (default: the task's main metric).",
            autocompletion=completion.one_of(METRICS),
            show_default=False,
        ),
    ] = None,
    seed: Annotated[
        list[str] | None,
        typer.Option(help="Only these seeds, such as 0,1 or 0..4.", metavar="N,N,...", show_default=False),
    ] = None,
    reach: Annotated[
        str | None,
        typer.Option(
            help="With --x epoch: print when these values of y are reached (comma list).",
            metavar="X,X,...",
            show_default=False,
        ),
    ] = None,
    kept: Annotated[RunFilter, Shown()],
    drawn: Annotated[FigureOptions, Shown(defaults={"width": "column"})],
    as_json: context.AsJson = False,
) -> None:
    """Plot a hyperparameter, epochs or cost against a metric.

    With a hyperparameter or recipe field as --x: the mean of the last epoch, with error bars of one standard deviation
    over the seeds, and the plain backbone as a line. With epoch: training curves. With params, macs or latency (as
    attnctl bench measured it): one point for each network, and the Pareto front of each data set. Each other difference
    between the runs gives a line of its own.

    Examples:
        attnctl plot ela-digits
        attnctl plot --x G --y top1 -o groups.pdf
        attnctl plot --x params -o pareto.svg
    """
    if y is not None and y not in METRICS:
        raise SpecError(f"unknown metric {y!r}{did_you_mean(y, METRICS)}")
    targets = [_number(item) for item in split_list(reach, "--reach")] if reach is not None else []
    if targets and x != "epoch":
        raise SpecError("--reach needs --x epoch")
    drawn.check()
    with context.index() as index:
        index.refresh()
        name, rows = _rows(index, sweeps or (), seed or (), kept)
        y = y or _primary(rows)
        drawing = replace(_charts(index, rows, x, y, targets, drawn.names()), title=drawn.title)
    drawn.deliver(drawing, _safe(f"{name}-{y}-over-{x}"), as_json=as_json)
    for note in drawing.notes:
        output.note(note)
    if targets and not as_json:
        tell_reached(drawing.panels[0])


def tell_reached(chart: Chart) -> None:
    """Print the epochs to each target, a row for each series."""
    epochs = {(item.series, item.target): item.epoch for item in chart.reached}
    rows = [
        [
            series.name,
            *("-" if (epoch := epochs[series.name, target]) is None else f"{epoch:g}" for target in chart.targets),
        ]
        for series in chart.series
    ]
    names = ("", *(f"epochs to {chart.y.name} {target:g}" for target in chart.targets))
    output.table([Column(name) for name in names], rows)


def _charts(
    index: Index, rows: Sequence[RunRow], x: str, y: str, targets: Sequence[float], display: DisplayNames
) -> Charts:
    from attnctl.reports.figures import charts
    from attnctl.reports.figures.data import Charts

    notes = charts.progress(rows)
    if x == charts.EPOCH:
        panels = [charts.over_epochs(rows, index.history, y, targets, display)]
    elif x == charts.LATENCY:
        measured, conditions = charts.latencies(rows, index.workspace.speeds())
        panels = charts.over_costs(rows, x, y, display, measured)
        notes = (*notes, f"latency: {conditions}")
    elif x in charts.COSTS:
        panels = charts.over_costs(rows, x, y, display)
    else:
        panels = [charts.over_setting(rows, x, y, display)]
    return Charts(panels=tuple(panels), notes=notes)


def _primary(rows: Sequence[RunRow]) -> str:
    """The metric that decides in most of the runs."""
    from attnctl.reports.comparison.metrics import primary

    metrics = [primary(row) for row in rows]
    return max(metrics, key=metrics.count)


def _rows(index: Index, named: Sequence[str], seeds: Sequence[str], kept: RunFilter) -> tuple[str, list[RunRow]]:
    """The name of what is drawn, and its runs."""
    sweeps = list(named) or [sweep.name for sweep in index.sweeps()]
    of_sweeps = bool(named) or len(sweeps) == 1
    rows = index.runs(sweep_records.runs_of(index.workspace, sweeps) if of_sweeps else None)
    if not rows and of_sweeps:
        what = plural(len(sweeps), "sweep")
        raise SpecError(f"{what} {comma_join(sweeps)} {plural(len(sweeps), 'has', 'have')} no runs in this workspace")
    if not rows:
        raise SpecError("nothing to draw: this workspace has no runs yet; start some with `attnctl sweep`")
    if kept.given:
        rows = kept.apply(index.workspace, rows)
        if not rows:
            raise SpecError(f"no run meets {' '.join(f'{key} {value}' for key, value in kept.given.items())}")
    if seeds:
        from attnctl.reports.selection import missing_seeds

        converted = (convert(item, int, "seed") for text in seeds for item in split_seeds(text))
        numbers = {number for number in converted if isinstance(number, int)}
        words = missing_seeds(numbers, {row.seed for row in rows})
        rows = [row for row in rows if row.seed in numbers]
        if not rows:
            raise SpecError(words)
        if words:
            output.note(f"warning: {words}")
    return "-".join(sweeps) if of_sweeps else "runs", rows


def _number(text: str) -> float:
    value = convert(text, float, "--reach")
    assert isinstance(value, float)
    return value


def _safe(name: str) -> str:
    """The name as that of a file in this folder."""
    return re.sub(r"[^\w.-]+", "-", name)
