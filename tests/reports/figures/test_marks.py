"""Means with error bars."""

from __future__ import annotations

import pytest

from attnctl.reports.figures import marks, style
from attnctl.reports.figures.data import Series
from tests.reports.figures.drawn_axes import axes
from tests.reports.figures.figure_runs import points


@pytest.mark.parametrize("joined", [True, False])
def test_a_series_is_a_marker_for_each_point_joined_or_not(joined: bool) -> None:
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


def test_what_is_published_is_hollow_and_says_so() -> None:
    series = Series(name="ela", points=points(76, spread=None), published=True)
    ((name, (handle, _)),) = marks.put(axes(), series, style.look(0), joined=True).items()
    assert name == "ela, published"
    assert handle.lines[0].get_markerfacecolor() == "none"
    assert not handle.has_yerr
