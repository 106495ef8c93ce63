"""Charts side by side: their axes, and the legend that they share."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator, NullLocator

from attnctl.reports.figures import curves, legend, scatter, style, sweep
from attnctl.reports.figures.data import Chart, Charts, Width
from attnctl.reports.figures.scatter import FRONT
from attnctl.values import format_value

_HEIGHTS: Mapping[Width, float] = {"column": 2.1, "page": 2.7}
_WIDEST = 3
"""Panels in a row."""

_DRAW = {"sweep": sweep.draw, "curves": curves.draw, "scatter": scatter.draw}


def draw(charts: Charts, width: Width) -> Figure:
    """The figure. A name has one look in all of its panels."""
    columns = min(len(charts.panels), _WIDEST if width == "page" else 1)
    rows = -(-len(charts.panels) // columns)
    figure = style.new_figure(style.INCHES[width], rows * _HEIGHTS[width] + 0.2)
    if charts.title:
        figure.suptitle(style.folded(charts.title, style.INCHES[width]))
    every = figure.subplots(rows, columns, squeeze=False)
    names = dict.fromkeys(series.name for chart in charts.panels for series in chart.series)
    looks = {name: style.look(number) for number, name in enumerate(names)}
    handles: dict[str, tuple[Any, str]] = {}
    for number, axes in enumerate(every.flat):
        if number >= len(charts.panels):
            axes.remove()
            continue
        chart = charts.panels[number]
        _label(axes, chart, style.INCHES[width] / columns)
        for name, entry in _DRAW[chart.kind](axes, chart, looks).items():
            handles.setdefault(name, entry)
        if all(point.y == 0 for series in chart.series for point in series.points):
            axes.set_ylim(-0.05, 1)  # matplotlib would put values below 0 on the axis
    if front := handles.pop(FRONT, None):
        handles[FRONT] = front  # the last of the legend, whatever panel has it first
    if len(handles) > 1:
        legend.put(figure, [handle for handle, _ in handles.values()], [words for _, words in handles.values()])
    for chart, axes in zip(charts.panels, every.flat, strict=False):
        if chart.kind == "scatter":
            scatter.name_points(figure, axes, chart, style.INCHES[width] / columns)
    return figure


def _label(axes: Axes, chart: Chart, inches: float) -> None:
    if chart.title:
        axes.set_title(style.folded(chart.title, inches))
    axes.set_xlabel(chart.x.title)
    axes.set_ylabel(chart.y.title)
    if chart.kind == "curves":
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    if chart.x.log:
        axes.set_xscale("log", base=chart.x.log)
    if chart.x.ticks:
        axes.xaxis.set_major_locator(FixedLocator(chart.x.ticks))
        axes.xaxis.set_minor_locator(NullLocator())
    if chart.x.ticks or chart.x.log:
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: format_value(float(value))))
