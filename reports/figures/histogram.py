"""Distributions of responses, by class."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullLocator

from attnctl.reports.figures import legend, style, ticks
from attnctl.reports.figures.data import Histograms, Panel
from attnctl.values import format_value

_ROW = 1.45
"""Inches of a row of panels."""
_BETWEEN = 0.12
"""Inches between two panels, so that the ends of their x axes can have numbers."""
_DECADES = 5.0
"""Of a logarithmic density: what is rarer lies below the figure."""


def draw(histograms: Histograms, inches: float) -> Figure:
    """A panel for each layer and network; a colour for each class; a thin line for each image.

    The panels of a row, which are compared, have equal ranges.
    """
    panels, columns = histograms.panels, histograms.columns
    rows = -(-len(panels) // columns)
    figure = style.new_figure(inches, rows * _ROW + 0.6, between=_BETWEEN)
    if histograms.title:
        figure.suptitle(style.folded(histograms.title, inches))
    every = figure.subplots(rows, columns, squeeze=False, sharey="row", sharex="row")
    handles: dict[str, Line2D] = {}
    for number, panel in enumerate(panels):
        axes = every[number // columns, number % columns]
        for name, line in _lines(axes, panel).items():
            handles.setdefault(name, line)
        if number < columns:
            axes.set_title(style.folded(panel.column, inches / columns))
        if number % columns == 0:
            axes.set_ylabel(f"{style.folded(panel.row, _ROW)}\ndensity")
        if number // columns == rows - 1:
            axes.set_xlabel(histograms.x)
    for row in range(rows):
        _scale(every[row, 0], panels[row * columns : (row + 1) * columns], histograms.log)
    legend.put(figure, list(handles.values()), list(handles))
    ticks.thin_out(figure, every.flat)
    return figure


def _lines(axes: Axes, panel: Panel) -> dict[str, Line2D]:
    """The lines, image by image, so that no class lies on top of the others; one of each class by its name."""
    centres = (panel.edges[1:] + panel.edges[:-1]) / 2
    found = {}
    for image in range(max(len(one.densities) for one in panel.distributions)):
        for index, one in enumerate(panel.distributions):
            if image >= len(one.densities):
                continue
            look = style.look(index)
            alone = len(one.densities) == 1
            line, width = (look.line, 1.2) if alone else ("-", 0.5)
            (found[one.name],) = axes.plot(
                centres, one.densities[image], color=look.colour, linestyle=line, linewidth=width
            )
    return found


def _scale(axes: Axes, panels: Sequence[Panel], log: bool) -> None:
    """The y axis of a row. On a logarithmic scale what is empty lies below the figure."""
    highest = max((float(one.densities.max()) for panel in panels for one in panel.distributions), default=1.0) or 1.0
    if log:
        axes.set_yscale("log", nonpositive="clip")
        axes.set_ylim(highest / 10**_DECADES, 2 * highest)
        axes.yaxis.set_minor_locator(NullLocator())
        axes.yaxis.set_major_locator(LogLocator(numticks=4))
    else:
        axes.set_ylim(0, 1.05 * highest)
        axes.yaxis.set_major_locator(MaxNLocator(3))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: format_value(float(f"{value:.3g}"))))
