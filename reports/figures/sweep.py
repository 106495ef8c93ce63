"""A hyperparameter or a recipe's field against a metric."""

from __future__ import annotations

from collections.abc import Mapping

from matplotlib.axes import Axes

from attnctl.reports.figures import marks, style
from attnctl.reports.figures.data import Chart
from attnctl.reports.figures.marks import Handles
from attnctl.reports.figures.style import Look

_DASHES = ((0, (4, 2)), (0, (1, 1)), (0, (6, 1, 1, 1)))


def draw(axes: Axes, chart: Chart, looks: Mapping[str, Look]) -> Handles:
    """Means with error bars; what is published hollow; the plain backbone as a line in a band of its spread."""
    handles: Handles = {}
    for series in chart.series:
        handles |= marks.put(axes, series, looks[series.name], joined=True)
    for number, level in enumerate(chart.levels):
        line = axes.axhline(level.y, color=style.ink(), linestyle=_DASHES[number % len(_DASHES)], linewidth=0.9)
        handles[level.name] = line, level.name
        if level.spread:
            axes.axhspan(level.y - level.spread, level.y + level.spread, color=style.ink(), alpha=0.12, linewidth=0)
    return handles
