"""A metric over the epochs of training."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping

from matplotlib.axes import Axes

from attnctl.reports.figures import style
from attnctl.reports.figures.data import Chart
from attnctl.reports.figures.marks import Handles
from attnctl.reports.figures.style import Look
from attnctl.values import comma_join

_MARKERS = 6
"""Of a line, so that they are seen one by one."""
_MOST_BANDS = 4
"""With more lines, their bands would lie over one another."""
_OPACITY = 0.15


def draw(axes: Axes, chart: Chart, looks: Mapping[str, Look]) -> Handles:
    """Lines of the means, those of few lines in bands of one standard deviation; targets as lines.

    Where each series meets the targets is marked.
    """
    epochs: dict[str, list[float | None]] = defaultdict(list)
    for reached in chart.reached:
        epochs[reached.series].append(reached.epoch)
    handles: Handles = {}
    for series in chart.series:
        look = looks[series.name]
        x, y = [point.x for point in series.points], [point.y for point in series.points]
        every = max(1, len(x) // _MARKERS)
        (line,) = axes.plot(x, y, color=look.colour, linestyle=look.line, marker=look.marker, markevery=every)
        words = comma_join("-" if epoch is None else f"{epoch:g}" for epoch in epochs[series.name])
        handles[series.name] = line, f"{series.name} ({words})" if words else series.name
        if len(chart.series) <= _MOST_BANDS and any(point.spread is not None for point in series.points):
            low = [point.y - (point.spread or 0.0) for point in series.points]
            high = [point.y + (point.spread or 0.0) for point in series.points]
            axes.fill_between(x, low, high, color=look.colour, alpha=_OPACITY, linewidth=0)
        for reached in chart.reached:
            if reached.series == series.name and reached.epoch is not None:
                axes.plot(reached.epoch, reached.target, marker="|", markersize=8, color=look.colour)
    for target in chart.targets:
        line = axes.axhline(target, color=style.ink(), linewidth=0.8, linestyle=(0, (4, 2)))
        metric = chart.y.title.partition(" (")[0]
        handles["targets"] = line, f"(epochs to {metric} of {comma_join(f'{target:g}' for target in chart.targets)})"
    return handles
