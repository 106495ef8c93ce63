"""Histograms of responses, by class."""

from __future__ import annotations

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import NullLocator

from attnctl.reports.figures import legend, style
from attnctl.reports.figures.data import Histograms, Panel, Width

_ROW = 1.25
"""Inches of a row of panels."""


def draw(histograms: Histograms, width: Width) -> Figure:
    """A panel for each layer and network; a colour for each class; a thin line for each image."""
    panels, columns = histograms.panels, histograms.columns
    rows = -(-len(panels) // columns)
    figure = style.new_figure(style.INCHES[width], rows * _ROW + 0.6)
    if histograms.title:
        figure.suptitle(style.folded(histograms.title, style.INCHES[width]))
    every = figure.subplots(rows, columns, squeeze=False)
    handles: dict[str, Line2D] = {}
    share = style.INCHES[width] / columns
    for number, panel in enumerate(panels):
        axes = every[number // columns, number % columns]
        for name, line in _lines(axes, panel).items():
            handles.setdefault(name, line)
        _scale(axes, panel, histograms.log)
        if number < columns:
            axes.set_title(style.folded(panel.column, share), fontsize=7.5)
        if number % columns == 0:
            axes.set_ylabel(style.folded(panel.row, _ROW), fontsize=7)
        if number // columns == rows - 1:
            axes.set_xlabel(histograms.x)
    legend.put(figure, list(handles.values()), list(handles))
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


def _scale(axes: Axes, panel: Panel, log: bool) -> None:
    """Densities need no numbers. On a logarithmic scale what is empty lies below the figure."""
    if log:
        least = min((one.densities[one.densities > 0].min(initial=1.0) for one in panel.distributions), default=1.0)
        axes.set_yscale("log", nonpositive="clip")
        axes.set_ylim(bottom=least / 2)
        axes.yaxis.set_minor_locator(NullLocator())
        axes.yaxis.set_major_locator(NullLocator())
    else:
        axes.set(yticks=[], ylim=(0, None))
