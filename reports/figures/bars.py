"""Percentages as bars: the accuracy of each class, and a reliability diagram."""

from __future__ import annotations

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.ticker import FixedFormatter, FixedLocator, FuncFormatter, MultipleLocator

from attnctl.reports.figures import legend, style, ticks
from attnctl.reports.figures.data import BarPanel, Bars

_NARROWEST = 2.2
"""Inches of a panel."""
_HEIGHT = 2.1
_PERCENT = range(0, 101, 25)
_FILLED = 0.8
"""Of a place's width: what its bars take."""


def draw(bars: Bars, inches: float) -> Figure:
    """A panel beside the other as long as there is room; the bars of several series stand side by side."""
    columns = max(1, min(len(bars.panels), int(inches / _NARROWEST)))
    rows = -(-len(bars.panels) // columns)
    figure = style.new_figure(inches, rows * _HEIGHT + 0.2, between=0.06)
    if bars.title:
        figure.suptitle(style.folded(bars.title, inches))
    every = figure.subplots(rows, columns, squeeze=False, sharey=True)
    handles: dict[str, Rectangle] = {}
    for axes in every.flat[len(bars.panels) :]:
        axes.remove()
    for number, (panel, axes) in enumerate(zip(bars.panels, every.flat, strict=False)):
        handles = {**_bars(axes, panel), **handles}
        axes.set(ylim=(0, 100), xlabel=bars.x, ylabel=bars.y if number % columns == 0 else "")
        axes.yaxis.set_major_locator(MultipleLocator(25))
        axes.grid(visible=False, axis="x")
        if panel.title:
            axes.set_title(style.folded(panel.title, inches / columns))
        if bars.diagonal:
            _scale_in_percent(axes)
            axes.plot(axes.get_xlim(), (0, 100), color=style.ink(), linewidth=0.8, linestyle=(0, (4, 2)))
    if any(len(panel.series) > 1 for panel in bars.panels):
        legend.put(figure, list(handles.values()), list(handles))
    ticks.thin_out(figure, every.flat[: len(bars.panels)], upright=not bars.diagonal)
    return figure


def _scale_in_percent(axes: Axes) -> None:
    """Label the horizontal axis from 0 to 100: its bars are equal parts of that."""
    first, last = axes.get_xlim()
    axes.xaxis.set_major_locator(FixedLocator([first + (last - first) * percent / 100 for percent in _PERCENT]))
    axes.xaxis.set_major_formatter(FixedFormatter([str(percent) for percent in _PERCENT]))


def _bars(axes: Axes, panel: BarPanel) -> dict[str, Rectangle]:
    """The bars, and one of each series by its name."""
    width = _FILLED / len(panel.series)
    handles = {}
    for number, series in enumerate(panel.series):
        shown = [(place, height) for place, height in enumerate(series.heights) if height is not None]
        places = [place + (number - (len(panel.series) - 1) / 2) * width for place, _ in shown]
        drawn = axes.bar(places, [height for _, height in shown], width, color=style.look(number).colour)
        if drawn.patches:
            handles[series.name] = drawn.patches[0]
    axes.set_xlim(-0.5, len(panel.places) - 0.5)
    axes.xaxis.set_major_locator(FixedLocator(range(len(panel.places))))
    axes.xaxis.set_major_formatter(
        FuncFormatter(lambda value, _: panel.places[round(value)] if 0 <= round(value) < len(panel.places) else "")
    )
    return handles
