"""Histograms of responses, by class."""

from __future__ import annotations

from matplotlib.figure import Figure

from reports.figures import legend, style
from reports.figures.data import Histograms, Width

_ROW = 1.25
"""Inches of a row of panels."""


def draw(histograms: Histograms, width: Width) -> Figure:
    """A panel for each layer and network; a colour for each class; a thin line for each image."""
    panels, columns = histograms.panels, histograms.columns
    rows = -(-len(panels) // columns)
    figure = style.new_figure(width, rows * _ROW + 0.6)
    if histograms.title:
        figure.suptitle(style.folded(histograms.title, style.INCHES[width]))
    every = figure.subplots(rows, columns, squeeze=False)
    handles: dict[str, object] = {}
    share = style.INCHES[width] / columns
    for number, panel in enumerate(panels):
        axes = every[number // columns, number % columns]
        for index, distribution in enumerate(panel.distributions):
            look = style.look(index)
            alone = len(distribution.densities) == 1
            for density in distribution.densities:
                line = axes.stairs(
                    density,
                    panel.edges,
                    color=look.colour,
                    linestyle=look.line if alone else "-",
                    linewidth=1.1 if alone else 0.5,
                    alpha=1.0 if alone else 0.8,
                )
                handles.setdefault(distribution.name, line)
        axes.set(yticks=[], ylim=(0, None))
        if number < columns:
            axes.set_title(style.folded(panel.column, share), fontsize=7.5)
        if number % columns == 0:
            axes.set_ylabel(style.folded(panel.row, _ROW), fontsize=7)
        if number // columns == rows - 1:
            axes.set_xlabel(histograms.x)
    legend.put(figure, list(handles.values()), list(handles))
    return figure
