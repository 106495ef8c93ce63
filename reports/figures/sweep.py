"""A hyperparameter or a recipe's field against a metric."""

from __future__ import annotations

from collections.abc import Mapping

from matplotlib.axes import Axes

from attnctl.reports.figures import marks, style
from attnctl.reports.figures.data import Chart
from attnctl.reports.figures.marks import Handles
from attnctl.reports.figures.style import Look

_APART = 3.5
"""Points between the error bars of two series at one value: a bar's cap is 4 points wide."""
_DASHES = ((0, (4, 2)), (0, (1, 1)), (0, (6, 1, 1, 1)))


def draw(axes: Axes, chart: Chart, looks: Mapping[str, Look]) -> Handles:
    """Means with error bars; what is published hollow; the plain backbone as a line in a band of its spread."""
    handles: Handles = {}
    barred = [series for series in chart.series if any(point.spread for point in series.points)]
    for series in chart.series:
        shift = (barred.index(series) - (len(barred) - 1) / 2) * _APART if series in barred else 0.0
        handles |= marks.put(axes, series, looks[series.name], joined=True, shift=shift)
    for number, level in enumerate(chart.levels):
        line = axes.axhline(level.y, color=style.ink(), linestyle=_DASHES[number % len(_DASHES)], linewidth=0.9)
        handles[level.name] = line, level.name
        if level.spread:
            axes.axhspan(level.y - level.spread, level.y + level.spread, color=style.ink(), alpha=0.12, linewidth=0)
    return handles
