"""Points of series, and the front of the best."""

from __future__ import annotations

from typing import Any

from attnctl.reports.figures.data import Point, Series
from attnctl.reports.figures.points import with_front


def test_the_pareto_front_covers_all_series_and_the_better_direction() -> None:
    series = [
        Series(name="a", points=tuple(Point(x=x, y=y) for x, y in ((1, 5), (2, 4), (3, 7)))),
        Series(name="b", points=tuple(Point(x=x, y=y) for x, y in ((1, 6), (3, 7), (4, 6)))),
    ]

    def front(**options: Any) -> list[list[tuple[float, float]]]:
        return [[(point.x, point.y) for point in item.points if point.front] for item in with_front(series, **options)]

    assert front() == [[(3, 7)], [(1, 6), (3, 7)]]
    assert front(lower=True) == [[(1, 5), (2, 4)], []]
