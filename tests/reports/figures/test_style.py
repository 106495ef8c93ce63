"""Colours, markers and lines of series."""

from __future__ import annotations

from attnctl.reports.figures import style


def test_series_have_distinct_colours_markers_and_lines() -> None:
    looks = [style.look(number) for number in range(21)]
    assert len({(look.colour, look.marker) for look in looks}) == 21
    assert len({look.colour for look in looks[:7]}) == len({look.marker for look in looks[:7]}) == 7
