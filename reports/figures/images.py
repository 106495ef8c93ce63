"""Images in rows and columns, with heat maps over them."""

from __future__ import annotations

from typing import Any

import matplotlib as mpl
import numpy as np
import numpy.typing as npt
from matplotlib.cm import ScalarMappable
from matplotlib.figure import Figure

from attnctl.reports.figures import style
from attnctl.reports.figures.data import ImageGrid

_LINE = 0.16
"""Inches of a line of text under or above a tile."""
_WIDEST = 1.3
"""Inches of a tile: a figure of few columns is narrower than the page."""
_NAMES = 0.3
"""What the rows' names take, as a part of a tile."""
_BAR = 0.62
"""Inches of the colour bar with its numbers and label."""
_MAP = "turbo"
"""The colours that readers of activation maps expect; unlike jet's, their lightness has no steps."""
_OPACITY = 0.85
"""Of the strongest heat; the image shows through the weaker the heat is."""
_FADE = 0.6


def draw(grid: ImageGrid, inches: float) -> Figure:
    """The tiles, columns named above and rows at the left; heat lies over the image, and a bar tells its colours."""
    columns, rows = len(grid.columns), len(grid.rows)
    side = min(_WIDEST, inches / (columns + _NAMES))
    across = side * (columns + _NAMES)
    captions = [style.folded(tile.caption, side) for row in grid.tiles for tile in row if tile.caption]
    below = _LINE * max((caption.count("\n") + 1 for caption in captions), default=0)
    heading = [_folded(name, side) for name in grid.columns]
    above = _LINE * (max(name.count("\n") for name in heading) + 1) + (_LINE if grid.title else 0)
    heated = any(tile.heat is not None for row in grid.tiles for tile in row)
    figure = style.new_figure(across, rows * (side + below) + above + 0.1 + (_BAR if heated else 0), pad=0.03)
    if grid.title:
        figure.suptitle(style.folded(grid.title, across))
    every = figure.subplots(rows, columns, squeeze=False)
    for number, (name, tiles) in enumerate(zip(grid.rows, grid.tiles, strict=True)):
        for axes, tile in zip(every[number], tiles, strict=True):
            axes.imshow(tile.image)
            if tile.heat is not None:
                axes.imshow(overlay(tile.heat), interpolation="bilinear")
            axes.set(xticks=[], yticks=[])
            axes.set_xlabel(style.folded(tile.caption, side) if tile.caption else "", labelpad=2)
            axes.spines[:].set_visible(False)
        every[number, 0].set_ylabel(style.folded(name, side))
    for axes, name in zip(every[0], heading, strict=True):
        axes.set_title(name, pad=3)
    if heated:
        _colour_bar(figure, every)
    return figure


def overlay(heat: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
    """(H, W, 4): the colours of a map, opaque where the heat is strong. heat: (H, W) from 0 to 1"""
    colours: npt.NDArray[np.float64] = np.array(mpl.colormaps[_MAP](heat), dtype=np.float64)
    colours[..., 3] = _OPACITY * np.clip(heat, 0, 1) ** _FADE
    return colours


def _folded(name: str, inches: float) -> str:
    """A heading of several lines, each folded to a width."""
    return "\n".join(style.folded(line, inches) for line in name.split("\n"))


def _colour_bar(figure: Figure, every: npt.NDArray[Any]) -> None:
    bar = figure.colorbar(
        ScalarMappable(cmap=_MAP), ax=every.ravel().tolist(), location="bottom", shrink=0.6, aspect=30, pad=0.02
    )
    bar.set_ticks([0, 0.5, 1], labels=["0", "half", "strongest"])
    bar.outline.set_visible(False)
    bar.ax.tick_params(length=0, pad=2)
    bar.set_label("evidence for the class")
