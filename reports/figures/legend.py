"""The legend of a figure, below it, where it covers nothing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from matplotlib.figure import Figure

from attnctl.reports.figures import style

_MOST_COLUMNS = 6
_SHARE = 0.25
"""Of the figure's height: the most that a legend takes; for a taller one the figure grows."""
_HANDLE = 0.6
"""Inches of a handle and the margins about it."""
_TALLEST = 8.5
"""Inches of a figure that fits a page."""


def put(figure: Figure, handles: Sequence[Any], names: Sequence[str]) -> None:
    """Name the handles below the figure, in as many columns as fit its width. A taller legend makes it taller."""
    if not handles:
        return
    for columns in range(min(_MOST_COLUMNS, len(handles)), 0, -1):
        legend = figure.legend(handles, names, loc="outside lower center", ncols=columns)
        extent = legend.get_window_extent()
        if columns == 1 or extent.width <= figure.bbox.width:
            break
        legend.remove()
    width, height = figure.get_size_inches()
    if extent.width > figure.bbox.width:
        legend.remove()
        folded = [style.folded(name, width - _HANDLE) for name in names]
        extent = figure.legend(handles, folded, loc="outside lower center", ncols=1).get_window_extent()
    rows = -(-len(handles) // columns)
    inches = extent.height / figure.dpi
    grown = max(height + (rows - 1) * inches / rows, min(inches / _SHARE, _TALLEST))
    figure.set_size_inches(width, grown)
