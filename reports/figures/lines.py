"""Charts side by side: their axes, and the legend that they share."""

from __future__ import annotations

from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from attnctl.reports.figures import curves, legend, line_ends, scatter, style, sweep, ticks
from attnctl.reports.figures.data import Chart, Charts
from attnctl.reports.figures.scatter import FRONT

_NARROWEST = 2.2
"""Inches of a panel."""
_WIDEST = 3
"""Panels in a row."""
_LOW, _HIGH = 2.1, 2.7
"""Inches of a panel's height."""

_DRAW = {"sweep": sweep.draw, "curves": curves.draw, "scatter": scatter.draw}


def draw(charts: Charts, inches: float) -> Figure:
    """The figure. A name has one look in all of its panels."""
    columns = max(1, min(len(charts.panels), _WIDEST, int(inches / _NARROWEST)))
    rows = -(-len(charts.panels) // columns)
    height = min(_HIGH, max(_LOW, 0.62 * inches / columns))
    figure = style.new_figure(inches, rows * height + 0.2)
    if charts.title:
        figure.suptitle(style.folded(charts.title, inches))
    every = figure.subplots(rows, columns, squeeze=False)
    names = dict.fromkeys(series.name for chart in charts.panels for series in chart.series)
    looks = {name: style.look(number) for number, name in enumerate(names)}
    handles: dict[str, tuple[Any, str]] = {}
    for axes in every.flat[len(charts.panels) :]:
        axes.remove()
    pairs: list[tuple[Chart, Axes]] = list(zip(charts.panels, every.flat, strict=False))
    for chart, axes in pairs:
        _label(axes, chart, inches / columns)
        for name, entry in _DRAW[chart.kind](axes, chart, looks).items():
            handles.setdefault(name, entry)
        if all(point.y == 0 for series in chart.series for point in series.points):
            axes.set_ylim(-0.05, 1)  # matplotlib would put values below 0 on the axis
    if front := handles.pop(FRONT, None):
        handles[FRONT] = front  # the last of the legend, whatever panel has it first
    if not _named_at_ends(figure, pairs, looks) and len(handles) > 1:
        legend.put(figure, [handle for handle, _ in handles.values()], [words for _, words in handles.values()])
    for chart, axes in pairs:
        if chart.kind == "scatter":
            scatter.name_points(figure, axes, chart, inches / columns)
    ticks.thin_out(figure, [axes for _, axes in pairs])
    return figure


def _named_at_ends(figure: Figure, pairs: list[tuple[Chart, Axes]], looks: dict[str, style.Look]) -> bool:
    """Name the lines of a single panel of curves at their ends, where there is room. Targets need a legend."""
    ((chart, axes), *others) = pairs
    if others or chart.kind != "curves" or chart.targets or len(chart.series) == 1:
        return False
    axes.margins(x=0.02)
    return line_ends.put(figure, axes, line_ends.of_lines(chart, looks), float(figure.get_size_inches()[0]))


def _label(axes: Axes, chart: Chart, inches: float) -> None:
    if chart.title:
        axes.set_title(style.folded(chart.title, inches))
    axes.set_xlabel(chart.x.title)
    axes.set_ylabel(chart.y.title)
    ticks.scale(axes, chart.x, whole=chart.kind == "curves")
