"""Names in the margin beside the axes, each led to by a thin line: no legend has to be searched for them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.text import Annotation, Text

from attnctl.reports.figures.data import Chart
from attnctl.reports.figures.style import Look

_SHARE = 0.45
"""Of the width of the axes and the names: the most that the names may take."""
_GAP = 1.06
"""Where the names begin, in widths of the axes."""
_LINE = 1.05
"""Heights of a text from one name to the next."""


@dataclass(frozen=True, kw_only=True)
class End:
    """A name, and the place of the data that it belongs to. colour: of the line between them."""

    name: str
    x: float
    y: float
    colour: str
    bold: bool = False


def of_lines(chart: Chart, looks: Mapping[str, Look]) -> list[End]:
    """The ends of a chart's lines."""
    return [
        End(name=item.name, x=item.points[-1].x, y=item.points[-1].y, colour=looks[item.name].colour)
        for item in chart.series
    ]


def put(figure: Figure, axes: Axes, ends: Sequence[End], inches: float) -> bool:
    """Name each end; False, and nothing is drawn, where the names have no room. inches: of the axes with the names."""
    texts = [_name(axes, end) for end in ends]
    figure.draw_without_rendering()
    extents = [Text.get_window_extent(text) for text in texts]  # an annotation's own has its line too
    height = max(extent.height for extent in extents) * _LINE / axes.bbox.height
    if max(extent.width for extent in extents) > _SHARE * inches * figure.dpi or height * len(texts) > 1:
        for text in texts:
            text.remove()
        return False
    heights = [float(axes.transAxes.inverted().transform(axes.transData.transform((end.x, end.y)))[1]) for end in ends]
    for text, at in zip(texts, spread_out(heights, height), strict=True):
        text.set_position((_GAP, at))
    return True


def spread_out(wanted: Sequence[float], apart: float) -> list[float]:
    """Heights from 0 to 1, at least `apart`, in the order of the wanted ones and near them. Apart must leave room."""
    order = sorted(range(len(wanted)), key=lambda number: wanted[number])
    found = [min(max(value, apart / 2), 1 - apart / 2) for value in wanted]
    low = apart / 2
    for number in order:
        found[number] = max(found[number], low)
        low = found[number] + apart
    high = 1 - apart / 2
    for number in reversed(order):
        found[number] = min(found[number], high)
        high = found[number] - apart
    return found


def _name(axes: Axes, end: End) -> Annotation:
    line = {"arrowstyle": "-", "color": end.colour, "linewidth": 0.6, "shrinkA": 1, "shrinkB": 2, "relpos": (0, 0.5)}
    return axes.annotate(
        end.name,
        (end.x, end.y),
        (_GAP, 0.5),
        textcoords="axes fraction",
        va="center",
        fontweight="bold" if end.bold else "normal",
        arrowprops=line,
    )
