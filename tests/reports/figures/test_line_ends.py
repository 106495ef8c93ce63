"""Names at the ends of lines."""

from __future__ import annotations

import dataclasses

import pytest
from matplotlib.text import Text

from attnctl.reports.figures import line_ends, lines, save, style
from attnctl.reports.figures.data import COLUMN, PAGE, Axis, Chart, Charts, Point, Series
from tests.reports.figures.figure_runs import curves_chart


def chart(count: int, name: str = "Module {}") -> Chart:
    """Curves that end close together."""
    series = tuple(
        Series(
            name=name.format(k),
            points=tuple(Point(x=e, y=75 + 0.01 * k - 40 / e, spread=0.5, n=2) for e in range(1, 31)),
        )
        for k in range(count)
    )
    return dataclasses.replace(curves_chart().panels[1], series=series)


@pytest.mark.parametrize("inches", [COLUMN, PAGE])
@pytest.mark.parametrize("count", [2, 7])
def test_lines_that_end_close_together_have_names_that_do_not_overlap(count: int, inches: float) -> None:
    with style.styled():
        figure = save.drawn(Charts(panels=(chart(count),)), inches)
        figure.draw_without_rendering()
        (axes,) = figure.axes
        boxes = [text.get_window_extent() for text in axes.texts]
        texts = [Text.get_window_extent(text) for text in axes.texts]
    assert [text.get_text() for text in axes.texts] == [f"Module {k}" for k in range(count)]
    assert not figure.legends
    assert not any(box.overlaps(other) for k, box in enumerate(texts) for other in texts[k + 1 :])
    assert all(box.x0 > axes.bbox.x1 for box in texts), "no line runs through a name"
    assert all(box.y0 >= 0 and box.x1 <= figure.bbox.x1 for box in boxes)


@pytest.mark.parametrize("made", [chart(16), chart(3, "A module with the longest of names {}")])
def test_names_without_room_stand_in_a_legend_of_a_quarter_at_most(made: Chart) -> None:
    with style.styled():
        figure = save.drawn(Charts(panels=(made,)), COLUMN)
        figure.draw_without_rendering()
        (legend,) = figure.legends
        share = legend.get_window_extent().height / figure.bbox.height
    assert not figure.axes[0].texts
    assert share <= 0.26


@pytest.mark.parametrize(
    ("wanted", "apart", "expected"),
    [
        ([0.2, 0.8], 0.1, [0.2, 0.8]),
        ([0.5, 0.5], 0.2, [0.5, 0.7]),
        ([0.9, 1.0], 0.2, [0.7, 0.9]),
        ([1.0, 0.0, 0.0], 0.25, [0.875, 0.125, 0.375]),
    ],
)
def test_heights_keep_their_order_and_stay_inside(wanted: list[float], apart: float, expected: list[float]) -> None:
    assert line_ends.spread_out(wanted, apart) == pytest.approx(expected)


def test_lines_to_the_names_do_not_cross() -> None:
    """Two points of one height: the nearer one has the name below, so that no line passes the other's."""
    far, near = (0.1, 0.5), (0.8, 0.5)
    assert line_ends.untangled([near, far], [0.95, 0.9]) == [0.9, 0.95]
    assert line_ends.untangled([near, far], [0.1, 0.05]) == [0.1, 0.05]
    assert line_ends.untangled([(1.0, 0.2), (1.0, 0.8)], [0.3, 0.7]) == [0.3, 0.7]


def test_many_lines_are_untangled() -> None:
    places = [(0.1 * (7 * number % 10), 0.5 + 0.01 * (number % 3)) for number in range(20)]
    heights = line_ends.untangled(places, [number / 20 for number in range(20)])
    assert sorted(heights) == [number / 20 for number in range(20)]
    assert line_ends.untangled(places, heights) == heights


@pytest.mark.filterwarnings("error")
def test_very_long_names_go_to_a_legend_within_the_figure_without_a_warning() -> None:
    names = [f"SE (r = {number}, " + ", ".join(f"setting_{k} = {k}" for k in range(20)) + ")" for number in range(3)]
    points = tuple(Point(x=x, y=x) for x in (1.0, 2.0))
    axis = Axis(name="epoch", title="epoch")
    chart = Chart(kind="curves", x=axis, y=axis, series=tuple(Series(name=name, points=points) for name in names))
    with style.styled():
        figure = lines.draw(Charts(panels=(chart,)), 3.3)
        figure.draw_without_rendering()
        (legend,) = figure.legends
        extent = legend.get_window_extent()
    assert extent.x0 >= 0
    assert extent.x1 <= figure.bbox.width
