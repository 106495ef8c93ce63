"""Networks of several seeds on the same images: held against scipy, all assignments of signs, and simulations."""

from __future__ import annotations

import itertools

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from attnctl.reports.statistics.per_image import differences, gain, interval, p_value


@given(st.lists(st.sampled_from([-1, 0, 1]), min_size=1, max_size=60))
def test_with_one_seed_it_is_mcnemars_exact_test(values: list[int]) -> None:
    ours, theirs = values.count(1), values.count(-1)
    expected = stats.binomtest(ours, ours + theirs).pvalue if ours + theirs else 1.0
    assert p_value(np.array([values])) == pytest.approx(expected, abs=1e-12)


@settings(max_examples=40)
@given(st.lists(st.lists(st.sampled_from([-1, 0, 1]), min_size=3, max_size=3), min_size=1, max_size=9))
def test_with_several_seeds_it_is_the_share_of_all_signs_of_the_images(images: list[list[int]]) -> None:
    found = np.array(images).T
    sums = found.sum(axis=0)
    signed = [abs(np.dot(signs, sums)) for signs in itertools.product((-1, 1), repeat=len(sums))]
    assert p_value(found) == pytest.approx(np.mean(np.array(signed) >= abs(sums.sum())), abs=1e-12)


def test_of_many_images_it_is_the_chi_squared_test_for_clusters() -> None:
    """Durkalski et al. 2003: (sum d)^2 / sum d^2 with one degree of freedom."""
    found = np.random.default_rng(0).choice([-1, 0, 1], p=[0.030, 0.938, 0.032], size=(5, 10_000))
    sums = found.sum(axis=0)
    assert p_value(found) == pytest.approx(stats.chi2.sf(sums.sum() ** 2 / np.sum(sums**2), 1), rel=0.05)


def test_the_same_seed_twice_is_no_further_evidence() -> None:
    """Five identical networks on the images: adding up the tables of the seeds would make p far smaller."""
    one = np.random.default_rng(1).choice([-1, 0, 1], p=[0.04, 0.9, 0.06], size=(1, 500))
    assert p_value(np.repeat(one, 5, axis=0)) == pytest.approx(p_value(one), abs=1e-12)


def test_differences_and_their_mean_are_in_points() -> None:
    ours = [np.array([True, True, False, False]), np.array([True, True, True, False])]
    theirs = [np.array([True, False, True, False]), np.array([False, True, False, False])]
    found = differences(ours, theirs)
    assert found.tolist() == [[0, 1, -1, 0], [1, 0, 1, 0]]
    assert gain(found) == 25.0


def test_the_interval_is_that_of_drawing_seeds_and_images_one_by_one() -> None:
    found = simulated(np.random.default_rng(2), seeds=5, images=200, spread=0.02)
    generator = np.random.default_rng(3)
    drawn = [100 * found[generator.integers(0, 5, 5)][:, generator.integers(0, 200, 200)].mean() for _ in range(4000)]
    assert interval(found) == pytest.approx(tuple(np.percentile(drawn, [2.5, 97.5])), abs=0.2)
    assert interval(found) == interval(found)


def test_one_seed_and_equal_results_have_no_interval() -> None:
    assert interval(np.array([[1, 0, -1, 1]])) is None
    assert interval(np.zeros((3, 50), int)) is None
    assert p_value(np.zeros((3, 50), int)) == 1.0


def test_the_interval_holds_the_true_gain_in_simulated_sweeps() -> None:
    """5 seeds, 300 images, seeds that vary (docs/statistics.md has the table)."""
    generator = np.random.default_rng(4)
    held = 0
    for _ in range(60):
        low, high = interval(simulated(generator, seeds=5, images=300, spread=0.01), resamples=400) or (1.0, -1.0)
        held += low <= 2.0 <= high
    assert held >= 50


def simulated(generator: np.random.Generator, *, seeds: int, images: int, spread: float) -> npt.NDArray[np.int64]:
    """Differences whose true mean is 0.02: images differ in how hard they are, seeds in their mean."""
    hard = generator.beta(0.3, 0.3, size=images) < 0.5
    shift = generator.normal(0, spread, size=(seeds, 1))
    better = np.where(hard, 0.14, 0.02) + shift
    worse = np.where(hard, 0.10, 0.02)
    chance = generator.random((seeds, images))
    differences: npt.NDArray[np.int64] = (chance < better).astype(int) - (chance > 1 - worse).astype(int)
    return differences
