"""A metric against what a network costs, with the Pareto front."""

from __future__ import annotations

from collections.abc import Mapping

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from attnctl.reports.figures import labels, line_ends, marks, style
from attnctl.reports.figures.data import Chart
from attnctl.reports.figures.line_ends import End
from attnctl.reports.figures.marks import Handles
from attnctl.reports.figures.style import Look

FRONT = "Pareto front"
_LEADER = "0.6"
"""The grey of the lines to the names: lighter than the data, on white and on dark paper."""

_GROWTHS, _GROWTH = 4, 0.5
"""How often a figure grows, and by how many inches; names that then have no room are left out, the front's last."""


def draw(axes: Axes, chart: Chart, looks: Mapping[str, Look]) -> Handles:
    """A marker per network, hollow where it is published, and a line through the front."""
    handles: Handles = {}
    for series in chart.series:
        handles |= marks.put(axes, series, looks[series.name], joined=False)
    best = sorted((point.x, point.y) for series in chart.series for point in series.points if point.front)
    if len(best) > 1:
        (line,) = axes.plot(
            [x for x, _ in best],
            [y for _, y in best],
            color=style.ink(),
            linewidth=0.8,
            linestyle=(0, (4, 2)),
            zorder=1,
        )
        handles[FRONT] = line, FRONT
    axes.margins(0.12)
    axes.grid(visible=False)  # no line through the names
    return handles


def name_points(figure: Figure, axes: Axes, chart: Chart, inches: float) -> None:
    """Write the names beside the points, when all else has its place, or all of them in the margin.

    A figure without room for them grows. inches: the width of the axes and their margins.
    """
    points = [point for series in chart.series for point in series.points]
    named = sorted((point for point in points if point.name), key=lambda point: not point.front)
    ends = [End(name=point.name, x=point.x, y=point.y, colour=_LEADER, width=0.4, bold=point.front) for point in named]
    for growth in range(_GROWTHS + 1):
        if labels.put(figure, axes, named, points):
            return
        if growth:
            labels.remove(axes)
            if line_ends.put(figure, axes, ends, inches):
                return
        width, height = figure.get_size_inches()
        figure.set_size_inches(width, height + _GROWTH)
    labels.put(figure, axes, named, points)
