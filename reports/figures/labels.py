"""Names beside points, placed where they cover no other name and no point."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.text import Annotation
from matplotlib.transforms import Bbox

from attnctl.reports.figures.data import Point

_PLACES: Sequence[tuple[int, int, str, str]] = (
    (5, 0, "left", "center"),
    (0, 5, "center", "bottom"),
    (0, -5, "center", "top"),
    (-5, 0, "right", "center"),
    (4, 4, "left", "bottom"),
    (4, -4, "left", "top"),
    (-4, 4, "right", "bottom"),
    (-4, -4, "right", "top"),
    (9, 9, "left", "bottom"),
    (9, -9, "left", "top"),
    (-9, 9, "right", "bottom"),
    (-9, -9, "right", "top"),
)
"""Offsets in points, and the alignment that goes with each; of those that cover the least, the first is taken."""

_FAR = 12.0
"""Pixels of others that a label may cover rather than take the next place, which is farther from its point."""

_RADIUS = 4
"""Of a marker, in pixels."""

_STEPS = 40
"""Places on each piece of the front's line that no name should cover."""


def put(figure: Figure, axes: Axes, named: Sequence[Point], points: Sequence[Point]) -> None:
    """Write the name of each of `named` beside it, those of the front bold. points: all that are drawn."""
    figure.draw_without_rendering()
    taken = [_around(axes, point.x, point.y, _RADIUS) for point in points]
    line: list[Bbox] = []
    front = sorted((point.x, point.y) for point in points if point.front)
    for (x, y), (to_x, to_y) in pairwise(front):
        line += [_around(axes, x + k * (to_x - x), y + k * (to_y - y), 1) for k in np.linspace(0, 1, _STEPS)]
    for point in named:
        candidates: list[tuple[float, Annotation, Bbox]] = []
        for x, y, horizontal, vertical in _PLACES:
            label = axes.annotate(
                point.name,
                (point.x, point.y),
                (x, y),
                textcoords="offset points",
                ha=horizontal,
                va=vertical,
                fontsize=6.5,
                fontweight="bold" if point.front else "normal",
            )
            label.set_in_layout(False)  # else the axes would give way to it
            extent = label.get_window_extent()
            covered = _covered(extent, taken) + _covered(extent, line) / 2 + _outside(extent, axes.bbox)
            candidates.append((covered + _FAR * len(candidates), label, extent))
            if covered == 0:
                break
        _, chosen, extent = min(candidates, key=lambda item: item[0])
        for _, label, _ in candidates:
            if label is not chosen:
                label.remove()
        taken.append(extent)


def _around(axes: Axes, x: float, y: float, radius: float) -> Bbox:
    """A box about a point of the data. radius: in pixels."""
    across, up = axes.transData.transform((x, y))
    return Bbox.from_extents(across - radius, up - radius, across + radius, up + radius)


def _covered(extent: Bbox, others: Sequence[Bbox]) -> float:
    """How much of others a label covers, in square pixels."""
    common = [Bbox.intersection(extent, other) for other in others]
    return float(sum(box.width * box.height for box in common if box is not None))


def _outside(extent: Bbox, axes: Bbox) -> float:
    """How much of a label is outside the axes, in square pixels."""
    within = Bbox.intersection(extent, axes)
    return float(extent.width * extent.height - (within.width * within.height if within is not None else 0.0))
