"""The sign-flip test, held against all assignments of signs and scipy.stats.permutation_test."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from attnctl.reports.statistics.sign_flip import MOST_EXACT, least_p, least_pairs, p_value

differences = st.lists(st.integers(-40, 40).map(lambda value: value / 10), min_size=1, max_size=9)


@given(differences)
def test_p_is_the_share_of_assignments_that_are_as_extreme(values: list[float]) -> None:
    observed = abs(sum(values))
    sums = [
        abs(sum(sign * value for sign, value in zip(signs, values, strict=True)))
        for signs in product((1, -1), repeat=len(values))
    ]
    assert p_value(values) == pytest.approx(sum(item >= observed - 1e-9 for item in sums) / len(sums))


def test_p_is_that_of_scipys_paired_permutation_test() -> None:
    generator = np.random.default_rng(3)
    for n in (3, 6, 10):
        ours, theirs = generator.normal(90.3, 0.4, n), generator.normal(90.0, 0.4, n)
        expected = stats.permutation_test((ours - theirs,), np.mean, permutation_type="samples", n_resamples=np.inf)
        assert p_value(list(ours - theirs)) == pytest.approx(expected.pvalue)


def test_many_pairs_are_sampled_close_to_the_exact_value() -> None:
    values = list(np.random.default_rng(5).normal(0.2, 1.0, MOST_EXACT))
    exact = p_value(values)
    more = p_value([*values, 0.0])  # a zero changes no sum
    assert more == pytest.approx(exact, abs=0.01)
    assert p_value([*values, 0.0]) == more


def test_the_smallest_p_belongs_to_equal_signs() -> None:
    assert least_p(5) == 0.0625 == p_value([1.0, 2.0, 3.0, 0.5, 0.1])
    assert least_p(6) == 0.03125 == p_value([1.0, 2.0, 3.0, 0.5, 0.1, 7.0])
    assert p_value([0.0, 0.0]) == 1.0 == least_p(0)


def test_the_fewest_pairs_grow_with_the_comparisons() -> None:
    assert [least_pairs(number) for number in (1, 2, 5, 12)] == [6, 7, 8, 9]
    for number in range(1, 40):
        n = least_pairs(number)
        assert number * least_p(n) <= 0.05 < number * least_p(n - 1)
