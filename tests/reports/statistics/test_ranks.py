"""Ranks over data sets, held against the example of Demsar 2006 (tables 5 and 6) and scipy.stats."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from attnctl.reports.statistics.ranks import (
    Friedman,
    against,
    cliques,
    critical_difference,
    friedman,
    mean_ranks,
    ranks,
)

DEMSAR = [
    [0.763, 0.768, 0.771, 0.798],
    [0.599, 0.591, 0.590, 0.569],
    [0.954, 0.971, 0.968, 0.967],
    [0.628, 0.661, 0.654, 0.657],
    [0.882, 0.888, 0.886, 0.898],
    [0.936, 0.931, 0.916, 0.931],
    [0.661, 0.668, 0.609, 0.685],
    [0.583, 0.583, 0.563, 0.625],
    [0.775, 0.838, 0.866, 0.875],
    [1.000, 1.000, 1.000, 1.000],
    [0.940, 0.962, 0.965, 0.962],
    [0.619, 0.666, 0.614, 0.669],
    [
        0.972,
        0.981,
        0.97501,
        0.975,
    ],  # both printed as 0.975, but ranked 2 and 3
    [0.957, 0.978, 0.946, 0.970],
]
"""AUC of C4.5, C4.5+m, C4.5+cf and C4.5+m+cf on 14 data sets."""


def test_the_mean_ranks_and_friedmans_test_are_demsars() -> None:
    """Demsar does not correct for equal ranks, which makes his statistic smaller."""
    found = ranks(DEMSAR)
    assert mean_ranks(found) == pytest.approx([3.143, 2.000, 2.893, 1.964], abs=5e-4)
    test, deviations = friedman(found), sum((rank - 2.5) ** 2 for row in found for rank in row)
    uncorrected = test.chi2 * deviations / (14 * 5)  # 5: of the ranks 1 to 4
    assert (uncorrected, 13 * uncorrected / (14 * 3 - uncorrected)) == pytest.approx((9.28, 3.69), abs=0.01)
    assert test.chi2 == pytest.approx(stats.friedmanchisquare(*zip(*DEMSAR, strict=True)).statistic)
    assert test.f == pytest.approx(13 * test.chi2 / (14 * 3 - test.chi2))
    assert test.p == pytest.approx(stats.f.sf(test.f, 3, 39))


def test_the_tests_after_it_are_demsars() -> None:
    found = ranks(DEMSAR)
    assert critical_difference(4, 14) == pytest.approx(1.25, abs=0.005)
    # against C4.5: p = 0.019, 0.607 and 0.016; by Holm 0.016 * 3, then 0.019 * 2, which is raised to that
    assert against(found, 0) == pytest.approx([1.0, 3 * 0.0157, 0.607, 3 * 0.0157], abs=2e-3)


@pytest.mark.parametrize(("methods", "quantile"), [(2, 1.960), (3, 2.343), (4, 2.569), (5, 2.728), (10, 3.164)])
def test_the_critical_values_are_those_of_demsars_table_5(methods: int, quantile: float) -> None:
    error = math.sqrt(methods * (methods + 1) / 60)
    assert critical_difference(methods, 10) / error == pytest.approx(quantile, abs=1.5e-3)


@given(st.lists(st.lists(st.integers(0, 5), min_size=4, max_size=4), min_size=2, max_size=8))
def test_ranks_are_scipys(scores: list[list[int]]) -> None:
    values = [[float(score) for score in row] for row in scores]
    assert ranks(values, lower=True) == [list(stats.rankdata(row)) for row in values]
    assert ranks(values) == [list(stats.rankdata([-score for score in row])) for row in values]


@given(st.lists(st.lists(st.integers(0, 3), min_size=3, max_size=4), min_size=2, max_size=6))
def test_the_statistic_is_scipys_also_with_equal_scores(drawn: list[list[int]]) -> None:
    scores = [[float(score) for score in row[:3]] for row in drawn]
    if all(len(set(row)) == 1 for row in scores):  # scipy divides by 0
        assert friedman(ranks(scores)) == Friedman(0.0, 0.0, 1.0)
        return
    expected = stats.friedmanchisquare(*zip(*scores, strict=True)).statistic
    assert friedman(ranks(scores)).chi2 == pytest.approx(expected, abs=1e-9)


def test_the_same_order_everywhere_has_no_p_above_0() -> None:
    assert friedman(ranks([[1.0, 2.0], [1.0, 2.0]])).p == 0.0


def test_neighbours_within_a_critical_difference_are_a_clique() -> None:
    assert cliques([1.0, 2.0, 2.5, 4.0], 1.5) == [(0, 1, 2), (2, 3)]
    assert cliques([1.0, 3.0], 1.5) == []
