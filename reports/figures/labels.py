"""Names beside points, placed where they cover no other name and no point."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.transforms import Bbox

from reports.figures.data import Point

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
"""Offsets in points, and the alignment that goes with each; the first that is free is taken."""

_RADIUS = 4
"""Of a marker, in pixels."""


def put(figure: Figure, axes: Axes, named: Sequence[Point], points: Sequence[Point]) -> None:
    """Write the name of each of `named` beside it, those of the front bold. points: all that are drawn."""
    figure.draw_without_rendering()
    centres = [axes.transData.transform((point.x, point.y)) for point in points]
    taken = [Bbox.from_extents(x - _RADIUS, y - _RADIUS, x + _RADIUS, y + _RADIUS) for x, y in centres]
    for point in named:
        candidates = []
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
            candidates.append((_covered(extent, taken, axes.bbox), label, extent))
            if candidates[-1][0] == 0:
                break
        _, chosen, extent = min(candidates, key=lambda item: item[0])
        for _, label, _ in candidates:
            if label is not chosen:
                label.remove()
        taken.append(extent)


def _covered(extent: Bbox, taken: Sequence[Bbox], inside: Bbox) -> float:
    """How much of others a label covers, in square pixels, and how much of it is outside."""
    common = [Bbox.intersection(extent, other) for other in taken]
    over = sum(box.width * box.height for box in common if box is not None)
    within = Bbox.intersection(extent, inside)
    return float(over + extent.width * extent.height - (within.width * within.height if within is not None else 0.0))
