"""Colours, markers and lines of series."""

from __future__ import annotations

from attnctl.reports.figures import style


def test_series_differ_in_colour_and_marker_and_line_as_far_as_they_go() -> None:
    looks = [style.look(number) for number in range(21)]
    assert len({(look.colour, look.marker) for look in looks}) == 21
    assert len({look.colour for look in looks[:7]}) == len({look.marker for look in looks[:7]}) == 7
