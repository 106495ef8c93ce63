"""Time limits from estimates."""

from __future__ import annotations

import pytest

from attnctl.cost.time_limit import capped, minutes


@pytest.mark.parametrize(("seconds", "limit"), [(1, 10), (600, 20), (6000, 180), (12 * 3600, 1080), (90 * 3600, 7200)])
def test_a_limit_has_a_margin_and_is_a_round_number(seconds: float, limit: int) -> None:
    assert minutes(seconds) == limit
    assert limit * 60 >= 1.25 * seconds


def test_the_partition_with_the_longest_limit_counts() -> None:
    assert capped(600, [60, 240]) == (240, True)
    assert capped(100, [60, 240]) == (100, False)
    assert capped(600, [60, None]) == (600, False)
    assert capped(600, []) == (600, False)
