"""How many seeds a question needs."""

from __future__ import annotations

import math

from scipy import stats

from attnctl.reports.statistics.means import Summary
from attnctl.reports.statistics.needed import more_seeds


def test_more_seeds_are_as_many_as_the_interval_needs() -> None:
    values = Summary(1.0, 1.0, 3)
    more = more_seeds(values, lambda found: found[0] > 0)
    assert more is not None
    for n, excludes in ((3 + more - 1, False), (3 + more, True)):
        assert bool(1.0 - stats.t.ppf(0.975, n - 1) / math.sqrt(n) > 0) is excludes


def test_what_cannot_be_estimated_is_none() -> None:
    assert more_seeds(Summary(1.0, None, 1), lambda _: True) is None
    assert more_seeds(Summary(1.0, 0.0, 3), lambda _: True) is None
    assert more_seeds(Summary(0.0, 1.0, 3), lambda found: found[0] > 0) is None
