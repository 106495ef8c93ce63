"""Means with error bars."""

from __future__ import annotations

import pytest

from attnctl.reports.figures import marks, style
from attnctl.reports.figures.data import Series
from tests.reports.figures.drawn_axes import axes
from tests.reports.figures.figure_runs import points


@pytest.mark.parametrize("joined", [True, False])
def test_a_series_has_a_marker_per_point_with_or_without_a_line(joined: bool) -> None:
    look, drawn = style.look(0), axes()
    ((name, (handle, words)),) = marks.put(
        drawn, Series(name="ela", points=points(76, 77)), look, joined=joined
    ).items()
    line = handle.lines[0]
    assert (name, words) == ("ela", "ela")
    assert (list(line.get_xdata()), list(line.get_ydata())) == ([1, 2], [76, 77])
    assert (line.get_linestyle() != "None") is joined
    assert line.get_markerfacecolor() == look.colour
    assert handle.has_yerr


def test_published_points_are_hollow_and_labelled() -> None:
    series = Series(name="ela", points=points(76, spread=None), published=True)
    ((name, (handle, _)),) = marks.put(axes(), series, style.look(0), joined=True).items()
    assert name == "ela, published"
    assert handle.lines[0].get_markerfacecolor() == "none"
    assert not handle.has_yerr
