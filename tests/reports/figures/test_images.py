"""Images in rows and columns with heat maps over them, drawn."""

from __future__ import annotations

from attnctl.reports.figures import images, style
from tests.reports.figures.figure_runs import image_grid


def test_each_tile_is_an_image_with_heat_over_a_grey_version() -> None:
    figure = images.draw(image_grid(), "page")
    assert len(figure.axes) == 6
    assert [len(axes.images) for axes in figure.axes] == [1, 2, 2, 1, 2, 2]
    plain, attended = (axes.images[0].get_array() for axes in figure.axes[:2])
    assert plain is not None
    assert attended is not None
    assert (plain.ndim, attended.ndim) == (3, 2)
    assert figure.axes[1].images[1].get_clim() == (0, 1)


def test_rows_columns_and_captions_are_named() -> None:
    figure = images.draw(image_grid(), "page")
    assert [axes.get_title() for axes in figure.axes[:2]] == ["image", "no attention"]
    assert (figure.axes[0].get_ylabel(), figure.axes[3].get_ylabel()) == ("class 7", "class 1")
    assert [axes.get_xlabel() for axes in figure.axes[:3]] == ["", "7 (0.98)", "7 (0.99)"]


def test_a_figure_of_few_columns_is_narrower_than_the_page() -> None:
    assert images.draw(image_grid(), "page").get_size_inches()[0] < style.INCHES["page"]
