"""How many seeds a question needs."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from attnctl.reports.statistics.means import Summary
from attnctl.reports.statistics.needed import correlation, more_seeds, power, seeds_for_gap, seeds_for_width


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


def test_the_seeds_for_a_gap_are_those_of_published_tables() -> None:
    # G*Power 3.1, paired t-test, two-sided, alpha 0.05, power 0.8: d = 0.2, 0.5, 0.8, 1.0
    assert [seeds_for_gap(effect, 1.0) for effect in (0.2, 0.5, 0.8, 1.0)] == [199, 34, 15, 10]
    assert seeds_for_gap(-0.5, 1.0) == 34
    assert seeds_for_gap(3.0, 1.0, least=6) == 6
    assert seeds_for_gap(0.0, 1.0) is None
    assert seeds_for_gap(0.5, 0.0) is None
    assert seeds_for_gap(0.01, 1.0) is None


def test_power_is_that_of_simulated_tests() -> None:
    generator = np.random.default_rng(0)
    samples = generator.normal(0.9, 1.0, (20_000, 8))
    found = stats.ttest_1samp(samples, 0.0, axis=1).pvalue < 0.05
    assert power(0.9, 8) == pytest.approx(found.mean(), abs=0.01)
    assert power(0.0, 8) == pytest.approx(0.05)


def test_the_seeds_for_a_half_width_are_the_fewest() -> None:
    n = seeds_for_width(0.4, 0.2)
    assert n is not None
    widths = [stats.t.ppf(0.975, number - 1) * 0.4 / math.sqrt(number) for number in (n - 1, n)]
    assert widths[1] <= 0.2 < widths[0]
    assert seeds_for_width(0.0, 0.2) is None
    assert seeds_for_width(100.0, 0.001) is None


def test_partners_correlate_if_both_vary() -> None:
    first, second = [90.0, 91.0, 92.5, 91.5], [80.0, 81.5, 82.0, 81.9]
    assert correlation(first, second) == pytest.approx(np.corrcoef(first, second)[0, 1])
    assert correlation(first[:2], second[:2]) is None
    assert correlation(first, [1.0] * 4) is None
