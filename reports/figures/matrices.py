"""Confusion matrices, in percent of each true class."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter

from attnctl.reports.figures import style, ticks
from attnctl.reports.figures.data import Matrices

_NARROWEST, _WIDEST = 2.2, 3.3
"""Inches of a panel."""
_MAP = "Blues"
_LEGIBLE = 60
"""Percent from which on a cell is dark, and its number white."""
_NUMBER = 17.0
"""Points of a cell that has room for a number."""
_ROOM = 0.75
"""Of a panel's width: what its cells take, without the names of the classes."""


def draw(matrices: Matrices, inches: float) -> Figure:
    """A panel for each network under one colour bar; the numbers stand in the cells where they have room."""
    columns = max(1, min(len(matrices.panels), int(inches / _NARROWEST)))
    rows = -(-len(matrices.panels) // columns)
    side = min(_WIDEST, inches / columns)
    figure = style.new_figure(inches, rows * side + 0.6)
    if matrices.title:
        figure.suptitle(style.folded(matrices.title, inches))
    every = figure.subplots(rows, columns, squeeze=False)
    for axes in every.flat[len(matrices.panels) :]:
        axes.remove()
    shown = list(every.flat[: len(matrices.panels)])
    with_numbers = side * _ROOM * 72 / len(matrices.classes) >= _NUMBER
    for number, (panel, axes) in enumerate(zip(matrices.panels, shown, strict=True)):
        shares = percent(panel.counts)
        axes.imshow(shares, cmap=_MAP, vmin=0, vmax=100)
        if with_numbers:
            _write(axes, shares)
        _name(axes, matrices.classes)
        axes.set(xlabel="predicted class", ylabel="true class" if number % columns == 0 else "")
        if panel.title:
            axes.set_title(style.folded(panel.title, side))
    _colour_bar(figure, shown)
    ticks.thin_out(figure, shown, upright=True)
    return figure


def percent(counts: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    """The share of each row's images in percent; 0 in a row without images."""
    shares: npt.NDArray[np.float64] = 100 * counts / np.maximum(counts.sum(1, keepdims=True), 1)
    return shares


def _write(axes: Axes, shares: npt.NDArray[np.float64]) -> None:
    """The numbers of the cells; a cell of less than half a percent stays empty."""
    for (row, column), share in np.ndenumerate(shares):
        if share >= 0.5:
            colour = "white" if share >= _LEGIBLE else style.BLACK
            axes.text(column, row, f"{share:.0f}", ha="center", va="center", color=colour)


def _name(axes: Axes, classes: tuple[str, ...]) -> None:
    axes.grid(visible=False)
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_locator(FixedLocator(range(len(classes))))
        axis.set_major_formatter(
            FuncFormatter(lambda value, _: classes[round(value)] if 0 <= round(value) < len(classes) else "")
        )
        axis.set_tick_params(length=0)
    axes.spines[:].set_visible(False)


def _colour_bar(figure: Figure, every: list[Any]) -> None:
    mappable = ScalarMappable(Normalize(0, 100), _MAP)
    bar = figure.colorbar(mappable, ax=every, location="bottom", shrink=0.5, aspect=30, pad=0.02)
    bar.set_ticks([0, 50, 100])
    bar.ax.tick_params(length=0, pad=2)
    bar.outline.set_visible(False)
    bar.set_label("images of the true class (%)")
