"""Names in the margin beside the axes, each led to by a thin line: no legend has to be searched for them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

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
    """A name, and the place of the data that it belongs to. colour and width: of the line between them."""

    name: str
    x: float
    y: float
    colour: str
    width: float = 0.6
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
    for text in texts:
        text.set_in_layout(False)  # very long ones would leave the axes no room at all
    figure.draw_without_rendering()
    extents = [Text.get_window_extent(text) for text in texts]  # an annotation's own has its line too
    height = max(extent.height for extent in extents) * _LINE / axes.bbox.height
    if max(extent.width for extent in extents) > _SHARE * inches * figure.dpi or height * len(texts) > 1:
        for text in texts:
            text.remove()
        return False
    places = [axes.transAxes.inverted().transform(axes.transData.transform((end.x, end.y))) for end in ends]
    heights = spread_out([float(y) for _, y in places], height)
    for text, at in zip(texts, untangled([(float(x), float(y)) for x, y in places], heights), strict=True):
        text.set_position((_GAP, at))
        text.set_in_layout(True)
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


def untangled(places: Sequence[tuple[float, float]], heights: Sequence[float]) -> list[float]:
    """The heights of names in the margin, exchanged so that no lines between places and names cross.

    It ends because an exchange of two that cross makes the lines shorter.
    """
    found = list(heights)
    crossing = True
    while crossing:
        crossing = False
        for one, other in combinations(range(len(places)), 2):
            if _cross(places[one], found[one], places[other], found[other]):
                found[one], found[other] = found[other], found[one]
                crossing = True
    return found


def _cross(place: tuple[float, float], height: float, other: tuple[float, float], other_height: float) -> bool:
    """Whether two lines to the margin cross: where the later one begins, they are in another order than there."""
    begin = max(place[0], other[0])
    above = _at(begin, place, height) - _at(begin, other, other_height)
    return above * (height - other_height) < -1e-12


def _at(x: float, place: tuple[float, float], height: float) -> float:
    """The height of a line to the margin at an x."""
    return place[1] + (height - place[1]) * (x - place[0]) / (_GAP - place[0])


def _name(axes: Axes, end: End) -> Annotation:
    line = {
        "arrowstyle": "-",
        "color": end.colour,
        "linewidth": end.width,
        "shrinkA": 1,
        "shrinkB": 2,
        "relpos": (0, 0.5),
        "zorder": 1,
    }
    return axes.annotate(
        end.name,
        (end.x, end.y),
        (_GAP, 0.5),
        textcoords="axes fraction",
        va="center",
        fontweight="bold" if end.bold else "normal",
        arrowprops=line,
    )
