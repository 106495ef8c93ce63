"""A metric against what a network costs, drawn."""

from __future__ import annotations

from matplotlib.figure import Figure

from attnctl.reports.figures import scatter
from tests.reports.figures.drawn_axes import axes, looks
from tests.reports.figures.figure_runs import scatter_chart

(CHART,) = scatter_chart().panels
LOOKS = looks(series.name for series in CHART.series)


def test_the_front_is_a_line_through_its_points_from_the_cheapest_on() -> None:
    handles = scatter.draw(axes(), CHART, LOOKS)
    assert list(handles) == ["resnet50", "resnet18", scatter.FRONT]
    line = handles[scatter.FRONT][0]
    assert (list(line.get_xdata()), list(line.get_ydata())) == ([0, 1, 2], [70, 71, 72])


def test_with_many_points_only_those_on_the_front_are_named() -> None:
    for inches, expected in ((6.0, {"front 0", "front 1", "front 2", "rest 0", "rest 1", "rest 2"}), (1.0, None)):
        figure = Figure(figsize=(6, 4))
        drawn = figure.subplots()
        scatter.draw(drawn, CHART, LOOKS)
        scatter.name_points(figure, drawn, CHART, inches)
        names = {text.get_text() for text in (*drawn.texts, *figure.texts)}
        assert names == (expected or {"front 0", "front 1", "front 2"})
