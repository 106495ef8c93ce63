"""Images in rows and columns, with heat maps over them."""

from __future__ import annotations

from matplotlib.figure import Figure

from attnctl.reports.figures import style
from attnctl.reports.figures.data import ImageGrid, Width

_CAPTION = 0.16
"""Inches under a tile, for a line of its caption."""
_WIDEST = 1.3
"""Inches of a tile: a figure of few columns is narrower than the page."""
_NAMES = 0.3
"""What the rows' names take, as a part of a tile."""
_OPACITY = 0.5
_MAP = "inferno"
"""Its lightness grows evenly, so that it reads in grey and with any colour vision."""


def draw(grid: ImageGrid, width: Width) -> Figure:
    """The tiles, columns named above and rows at the left. Heat is drawn over the image in grey."""
    columns, rows = len(grid.columns), len(grid.rows)
    side = min(_WIDEST, style.INCHES[width] / (columns + _NAMES))
    across = side * (columns + _NAMES)
    lines = max((tile.caption.count("\n") + 1 if tile.caption else 0 for row in grid.tiles for tile in row), default=0)
    heading = [style.folded(name, side) for name in grid.columns]
    above = 0.15 * (max(name.count("\n") for name in heading) + 1) + (0.2 if grid.title else 0)
    figure = style.new_figure(across, rows * (side + lines * _CAPTION) + above + 0.1, pad=0.03)
    if grid.title:
        figure.suptitle(style.folded(grid.title, across))
    every = figure.subplots(rows, columns, squeeze=False)
    for number, (name, tiles) in enumerate(zip(grid.rows, grid.tiles, strict=True)):
        for axes, tile in zip(every[number], tiles, strict=True):
            grey = tile.heat is not None
            axes.imshow(tile.image.mean(2) if grey else tile.image, cmap="gray", vmin=0, vmax=255)
            if tile.heat is not None:
                axes.imshow(tile.heat, cmap=_MAP, vmin=0, vmax=1, alpha=_OPACITY)
            axes.set(xticks=[], yticks=[], xlabel=tile.caption)
            axes.xaxis.label.set_size(6.5)
            axes.xaxis.labelpad = 2
            axes.spines[:].set_visible(False)
        every[number, 0].set_ylabel(style.folded(name, side), fontsize=7)
    for axes, name in zip(every[0], heading, strict=True):
        axes.set_title(name, fontsize=7.5, pad=3)
    return figure
