"""Images in rows and columns with heat maps over them, drawn."""

from __future__ import annotations

import dataclasses

import numpy as np

from attnctl.reports.figures import images
from attnctl.reports.figures.data import PAGE, Tile
from tests.reports.figures.figure_runs import image_grid


def test_heat_lies_over_the_image_and_hides_it_where_it_is_strong() -> None:
    figure = images.draw(image_grid(), PAGE)
    *tiles, bar = figure.axes
    assert [len(axes.images) for axes in tiles] == [1, 2, 2, 1, 2, 2]
    for axes in tiles:
        below = axes.images[0].get_array()
        assert below is not None
        assert below.ndim == 3, "the image stays in colour"
    over = tiles[1].images[1].get_array()
    assert over is not None
    opacity = np.asarray(over)[..., 3].ravel()
    assert opacity[0] == 0
    assert opacity[-1] > 0.8
    assert (np.diff(opacity) > 0).all()
    assert bar.get_xlabel() == "evidence for the class"


def test_a_grid_without_heat_has_no_colour_bar() -> None:
    grid = image_grid()
    plain = dataclasses.replace(grid, tiles=tuple(tuple(Tile(tile.image) for tile in row) for row in grid.tiles))
    assert len(images.draw(plain, PAGE).axes) == 6


def test_rows_columns_and_captions_are_named() -> None:
    figure = images.draw(image_grid(), PAGE)
    assert [axes.get_title() for axes in figure.axes[:2]] == ["image", "no attention"]
    assert (figure.axes[0].get_ylabel(), figure.axes[3].get_ylabel()) == ("class 7", "class 1")
    assert [axes.get_xlabel() for axes in figure.axes[:3]] == ["", "7 (0.98)", "7 (0.99)"]


def test_a_figure_of_few_columns_is_narrower_than_the_page() -> None:
    assert images.draw(image_grid(), PAGE).get_size_inches()[0] < PAGE
