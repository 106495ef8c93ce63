"""Means with error bars: the marks that sweeps and scatter plots share."""

from __future__ import annotations

from typing import Any

from matplotlib.axes import Axes
from matplotlib.transforms import ScaledTranslation

from attnctl.reports.figures.data import Series
from attnctl.reports.figures.style import Look

Handles = dict[str, tuple[Any, str]]
"""For a legend: name -> what is drawn, and its words."""


def put(axes: Axes, series: Series, look: Look, *, joined: bool, shift: float = 0.0) -> Handles:
    """A series as markers, hollow where it is published, with bars of one standard deviation. joined: by a line.

    shift: points to the right, so that the bars of several series do not cover each other
    """
    figure = axes.get_figure(root=True)
    assert figure is not None
    beside = ScaledTranslation(shift / 72, 0, figure.dpi_scale_trans)
    spreads = [point.spread or 0.0 for point in series.points]
    line = (0, (1, 2)) if series.published else look.line
    handle = axes.errorbar(
        [point.x for point in series.points],
        [point.y for point in series.points],
        yerr=spreads if any(spreads) else None,
        color=look.colour,
        marker=look.marker,
        markerfacecolor="none" if series.published else look.colour,
        linestyle=line if joined else "none",
        elinewidth=0.8,
        transform=axes.transData + beside,
    )
    axes.update_datalim(
        [(point.x, point.y + sign * (point.spread or 0)) for point in series.points for sign in (-1, 1)]
    )
    axes.autoscale_view()
    name = f"{series.name}, published" if series.published else series.name
    return {name: (handle, name)}
