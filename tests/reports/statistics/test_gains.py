"""Differences of two rows: paired by seed, by Welch's test, held against scipy.stats."""

from __future__ import annotations

import math
import statistics

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from attnctl.reports.statistics.gains import gain, paired, superiority
from tests.reports.statistics.samples import samples


def seeded(values: list[float], start: int = 0) -> dict[int, float]:
    return dict(enumerate(values, start))


@pytest.mark.filterwarnings("ignore:Precision loss:RuntimeWarning")  # of the oracle
@given(st.lists(st.tuples(st.floats(0, 100), st.floats(0, 100)), min_size=2, max_size=8))
def test_rows_that_share_seeds_have_the_interval_of_the_paired_t_test(pairs: list[tuple[float, float]]) -> None:
    ours, theirs = (seeded([round(pair[side], 3) for pair in pairs]) for side in (0, 1))
    found = gain({**ours, 98: 5.0}, {**theirs, 99: 0.0})
    differences = [ours[seed] - theirs[seed] for seed in ours]
    assert found.value == pytest.approx(statistics.fmean(differences))
    assert (found.method, found.seeds) == ("paired", tuple(ours))
    if max(differences) - min(differences) > 1e-6:
        expected = stats.ttest_rel(list(ours.values()), list(theirs.values())).confidence_interval(0.95)
        assert found.interval == pytest.approx(tuple(expected), rel=1e-6, abs=1e-6)
    else:
        assert found.interval is None


@pytest.mark.filterwarnings("ignore:Precision loss:RuntimeWarning")  # of the oracle
@given(samples, samples, st.booleans())
def test_without_shared_seeds_or_by_option_the_interval_is_welchs(
    values: list[float], baseline: list[float], shared: bool
) -> None:
    found = gain(seeded(values), seeded(baseline, 0 if shared else 50), unpaired=shared)
    assert found.value == pytest.approx(statistics.fmean(values) - statistics.fmean(baseline), abs=1e-9)
    assert found.method == "welch"
    if len(set(values)) > 1 or len(set(baseline)) > 1:
        expected = stats.ttest_ind(values, baseline, equal_var=False).confidence_interval(0.95)
        assert found.interval == pytest.approx((expected.low, expected.high), rel=1e-7, abs=1e-7)
    else:
        assert found.interval is None
        assert found.equal


def test_how_rows_are_compared_does_not_depend_on_which_interval_is_narrower() -> None:
    wide = gain({0: 90.0, 1: 91.0, 2: 92.0}, {0: 92.0, 1: 91.0, 2: 90.0})  # the partners disagree
    assert wide.method == "paired"
    assert wide.interval is not None
    welch = gain({0: 90.0, 1: 91.0, 2: 92.0}, {0: 92.0, 1: 91.0, 2: 90.0}, unpaired=True).interval
    assert welch is not None
    assert wide.interval[1] - wide.interval[0] > welch[1] - welch[0]


def test_correlated_partners_have_a_narrower_interval_than_welchs() -> None:
    ours, theirs = {0: 90.0, 1: 91.5, 2: 93.0, 3: 94.4}, {0: 89.5, 1: 91.1, 2: 92.4, 3: 94.0}
    pairs, welch = gain(ours, theirs).interval, gain(ours, theirs, unpaired=True).interval
    assert pairs is not None
    assert welch is not None
    assert pairs[0] > 0 > welch[0]


def test_equal_differences_have_no_interval() -> None:
    found = gain({0: 91.3, 1: 92.4, 2: 93.5}, {0: 90.2, 1: 91.3, 2: 92.4})
    assert found.value == pytest.approx(1.1)
    assert (found.interval, found.equal) == (None, True)


def test_a_single_seed_has_no_interval() -> None:
    found = gain({0: 2.0}, {0: 1.0, 1: 1.5, 2: 0.5})
    assert (found.value, found.interval, found.equal) == (1.0, None, False)


def test_a_tiny_spread_does_not_vanish() -> None:
    found = gain({0: 1.0, 1: 1.0 + 1e-8}, {5: 1.0, 6: 1.0})
    assert found.interval is not None
    assert all(math.isfinite(end) for end in found.interval)


def test_pairs_are_of_the_same_seed() -> None:
    found = paired({0: 3.0, 1: 5.0, 7: 1.0}, {1: 4.0, 0: 1.0, 8: 1.0})
    assert found is not None
    assert (found.mean, found.n) == (1.5, 2)
    assert paired({0: 1.0}, {1: 1.0}) is None


@given(samples, samples)
def test_superiority_is_the_share_of_pairs_or_mann_whitneys_u(values: list[float], baseline: list[float]) -> None:
    unpaired = gain(seeded(values), seeded(baseline, 50))
    u = stats.mannwhitneyu(values, baseline, method="asymptotic").statistic
    assert superiority(unpaired) == pytest.approx(u / (len(values) * len(baseline)))
    assert superiority(unpaired, lower=True) == pytest.approx(1 - superiority(unpaired))


def test_superiority_of_pairs_counts_seeds_and_half_of_ties() -> None:
    found = gain({0: 2.0, 1: 2.0, 2: 1.0, 3: 5.0}, {0: 1.0, 1: 2.0, 2: 3.0, 3: 4.0})
    assert superiority(found) == 0.625
