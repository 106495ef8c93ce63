"""Names beside points, placed where they cover no other name, no point and no line.

Programs that move texts step by step, such as adjustText, end with less overlap, but not with none; here a name is
either placed clear of all else or reported as not placed.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.path import Path
from matplotlib.transforms import Bbox

from attnctl.reports.figures import style
from attnctl.reports.figures.data import Point

Place = tuple[float, float]
"""In pixels."""

_RINGS = (4.0, 7.0, 11.0, 16.0, 23.0, 32.0, 42.0, 54.0)
"""Points from a point to its name; the nearest that is free is taken."""
_BESIDE = 7.0
"""Points from which on a thin line leads from the point to its name."""
_DIRECTIONS = (0, 90, 270, 180, 45, 315, 135, 225, 22, 338, 158, 202, 68, 292, 112, 248)
"""Degrees, those that read best first."""
_MARKER = 3.5
"""Points about the middle of a marker that belong to it."""
_SIDE = 0.35
"""Cosine from which on a name stands beside its point rather than above or below it."""
_CLEAR = 1.0
"""Points between a name and all else."""
_NAME = "name of a point"
"""By which a name is known among the artists of the axes."""


@dataclass
class _Taken:
    """What a name must not cover, in pixels."""

    boxes: list[Bbox] = field(default_factory=list)
    names: list[Bbox] = field(default_factory=list)
    lines: list[Path] = field(default_factory=list)

    def is_free(self, box: Bbox) -> bool:
        """Whether a name in this box covers nothing."""
        others = (*self.boxes, *self.names)
        return not any(box.overlaps(other) for other in others) and not any(
            line.intersects_bbox(box, filled=False) for line in self.lines
        )

    def lets_through(self, line: Path, start: Bbox) -> bool:
        """Whether a line crosses no name and no marker but the one that it starts at."""
        return not any(
            line.intersects_bbox(other, filled=True) for other in (*self.names, *self.boxes) if other is not start
        )


def put(figure: Figure, axes: Axes, named: Sequence[Point], points: Sequence[Point]) -> bool:
    """Write the name of each of `named` beside it, those of the front bold, the first ones nearest to their points.

    Names of an earlier call are replaced. Returns whether all had room; those without are left out. points: all that
    are drawn.
    """
    remove(axes)
    figure.draw_without_rendering()
    pixels = figure.dpi / 72
    markers = {id(point): _around(_pixel(axes, point.x, point.y), _MARKER * pixels) for point in points}
    taken = _Taken(boxes=list(markers.values()))
    front = sorted((point.x, point.y) for point in points if point.front)
    taken.lines += [Path([_pixel(axes, *one), _pixel(axes, *other)]) for one, other in pairwise(front)]
    taken.lines += [
        Path([_pixel(axes, point.x, point.y - point.spread), _pixel(axes, point.x, point.y + point.spread)])
        for point in points
        if point.spread
    ]
    placed = [_place(axes, point, markers[id(point)], taken, pixels) for point in named]
    return all(placed)


def remove(axes: Axes) -> None:
    """Take the names away again."""
    for text in [text for text in axes.texts if text.get_gid() == _NAME]:
        text.remove()


def _place(axes: Axes, point: Point, marker: Bbox, taken: _Taken, pixels: float) -> bool:
    """Write one name, and add it to what is taken; whether there was room."""
    text = axes.annotate(
        point.name,
        (point.x, point.y),
        (0, 0),
        textcoords="offset points",
        fontweight="bold" if point.front else "normal",
        gid=_NAME,
    )
    text.set_in_layout(False)  # else the axes would give way to it
    extent = text.get_window_extent()
    middle = _pixel(axes, point.x, point.y)
    for ring, across, up in _candidates():
        box = _box(middle, ring * pixels, (across, up), extent)
        padded = box.padded(_CLEAR * pixels)
        end = _nearest(box, middle)
        leader = Path([middle, end])
        if not _within(box, axes.bbox) or not taken.is_free(padded):
            continue
        if ring > _BESIDE:
            if not taken.lets_through(leader, marker):
                continue
            _lead(axes, point, ((end[0] - middle[0]) / pixels, (end[1] - middle[1]) / pixels))
            taken.lines.append(leader)
        text.set(position=((box.x0 - middle[0]) / pixels, (box.y0 - middle[1]) / pixels), ha="left", va="bottom")
        taken.names.append(padded)
        return True
    text.remove()
    return False


def _lead(axes: Axes, point: Point, offset: Place) -> None:
    """A thin line from a point to its name. offset: of its end, in points from the point."""
    line = {"arrowstyle": "-", "color": style.ink(), "linewidth": 0.5, "shrinkA": 0, "shrinkB": _MARKER}
    axes.annotate(
        "", (point.x, point.y), offset, textcoords="offset points", arrowprops=line, gid=_NAME, zorder=1
    ).set_in_layout(False)


def _candidates() -> Iterator[tuple[float, float, float]]:
    """(distance in points, cosine, sine) of each place about a point."""
    for ring in _RINGS:
        for degrees in _DIRECTIONS:
            yield ring, math.cos(math.radians(degrees)), math.sin(math.radians(degrees))


def _box(middle: Place, distance: float, direction: Place, extent: Bbox) -> Bbox:
    """The box of a name at a distance from a point: it touches that place with its nearest side or corner."""
    corner = [
        start + distance * part - size * (0.0 if part > _SIDE else 1.0 if part < -_SIDE else 0.5)
        for start, part, size in zip(middle, direction, (extent.width, extent.height), strict=True)
    ]
    return Bbox.from_bounds(corner[0], corner[1], extent.width, extent.height)


def _nearest(box: Bbox, middle: Place) -> Place:
    """The place of a box that is nearest to a point."""
    return min(max(middle[0], box.x0), box.x1), min(max(middle[1], box.y0), box.y1)


def _within(box: Bbox, outer: Bbox) -> bool:
    return bool(outer.x0 <= box.x0 and box.x1 <= outer.x1 and outer.y0 <= box.y0 and box.y1 <= outer.y1)


def _pixel(axes: Axes, x: float, y: float) -> Place:
    across, up = axes.transData.transform((x, y))
    return float(across), float(up)


def _around(middle: Place, radius: float) -> Bbox:
    return Bbox.from_extents(middle[0] - radius, middle[1] - radius, middle[0] + radius, middle[1] + radius)
