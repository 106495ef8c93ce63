"""A metric against what a network costs, drawn."""

from __future__ import annotations

import dataclasses

import pytest
from matplotlib.path import Path
from matplotlib.text import Text

from attnctl.reports.figures import save, scatter, style
from attnctl.reports.figures.data import COLUMN, PAGE, Chart, Charts, Point, Series
from tests.reports.figures.drawn_axes import axes, looks
from tests.reports.figures.figure_runs import scatter_chart

(CHART,) = scatter_chart().panels
LOOKS = looks(series.name for series in CHART.series)


def test_the_front_is_a_line_through_its_points_from_the_cheapest_on() -> None:
    handles = scatter.draw(axes(), CHART, LOOKS)
    assert list(handles) == ["resnet50", "resnet18", scatter.FRONT]
    line = handles[scatter.FRONT][0]
    assert (list(line.get_xdata()), list(line.get_ydata())) == ([0, 1, 2], [70, 71, 72])


def crowded(count: int) -> Chart:
    """Points that lie close together, each with a long name and a spread."""
    points = tuple(
        Point(x=1 + 0.001 * (k % 5), y=70 + 0.2 * (k // 5), spread=0.5, name=f"Module (kernel = {k})", front=k < 2)
        for k in range(count)
    )
    return dataclasses.replace(CHART, series=(Series(name="resnet20", points=points),))


@pytest.mark.parametrize(("count", "inches"), [(4, COLUMN), (12, COLUMN), (20, PAGE)])
def test_no_name_covers_a_name_a_point_or_a_line_however_close_the_points(count: int, inches: float) -> None:
    chart = crowded(count)
    with style.styled():
        figure = save.drawn(Charts(panels=(chart,)), inches)
        figure.draw_without_rendering()
        (drawn,) = figure.axes
        names = [text for text in drawn.texts if text.get_text()]
        boxes = [Text.get_window_extent(text) for text in names]
        points = [point for series in chart.series for point in series.points]
        markers = [drawn.transData.transform((point.x, point.y)) for point in points]
        bars = [
            Path(drawn.transData.transform([(point.x, point.y - 0.5), (point.x, point.y + 0.5)])) for point in points
        ]
        assert len(names) == count
        assert {text.get_text() for text in names if text.get_fontweight() == "bold"} == {
            point.name for point in points if point.front
        }
        for number, box in enumerate(boxes):
            assert not any(box.overlaps(other) for other in boxes[number + 1 :])
            assert not any(box.contains(*marker) for marker in markers)
            assert not any(bar.intersects_bbox(box, filled=False) for bar in bars)
            assert box.x0 >= 0
            assert box.x1 <= figure.bbox.x1


def test_a_figure_without_room_for_the_names_grows() -> None:
    with style.styled():
        heights = [save.drawn(Charts(panels=(crowded(count),)), COLUMN).get_size_inches()[1] for count in (2, 12)]
    assert heights[0] < heights[1] < 5
