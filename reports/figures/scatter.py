"""A metric against what a network costs, with the Pareto front."""

from __future__ import annotations

from collections.abc import Mapping

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from attnctl.reports.figures import labels, marks, style
from attnctl.reports.figures.data import Chart
from attnctl.reports.figures.marks import Handles
from attnctl.reports.figures.style import Look

FRONT = "Pareto front"

_NAMED_PER_INCH = 4.5
"""Where there are more points, those of the front alone are named."""


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
    return handles


def name_points(figure: Figure, axes: Axes, chart: Chart, inches: float) -> None:
    """Write the names beside the points, when all else has its place. inches: the width of the axes."""
    points = [point for series in chart.series for point in series.points]
    named = [point for point in points if point.name]
    if len(named) > inches * _NAMED_PER_INCH:
        named = [point for point in named if point.front]
    labels.put(figure, axes, sorted(named, key=lambda point: not point.front), points)
