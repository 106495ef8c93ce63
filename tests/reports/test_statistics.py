"""Means over seeds and their differences, held against scipy.stats."""

from __future__ import annotations

import math
import statistics
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from attnctl.reports.statistics import Gain, Summary, gain, interval, more_seeds, paired, summary


def summarised(values: list[float]) -> Summary:
    """The summary of values, of which there are some."""
    found = summary(values)
    assert found is not None
    return found


samples = st.lists(st.floats(0, 100).map(lambda value: round(value, 3)), min_size=2, max_size=8)


@given(samples)
def test_the_spread_is_the_sample_deviation(values: list[float]) -> None:
    assert summary(values) == Summary(statistics.fmean(values), statistics.stdev(values), len(values))
    assert summary(values[:1]) == Summary(values[0], None, 1)
    assert summary([]) is None


@pytest.mark.filterwarnings("ignore:Precision loss:RuntimeWarning")  # of the oracle
@given(samples, samples)
def test_the_interval_is_welchs(ours: list[float], baseline: list[float]) -> None:
    found = gain(summarised(ours), summarised(baseline))
    assert found.value == pytest.approx(statistics.fmean(ours) - statistics.fmean(baseline), abs=1e-9)
    if len(set(ours)) > 1 or len(set(baseline)) > 1:
        interval = stats.ttest_ind(ours, baseline, equal_var=False).confidence_interval(0.95)
        assert found.interval == pytest.approx((interval.low, interval.high), rel=1e-7, abs=1e-7)
    else:
        assert found.interval == (found.value, found.value)


def test_a_tiny_spread_does_not_vanish() -> None:
    found = gain(summarised([1.0, 1.0 + 1e-15]), summarised([1.0, 1.0]))
    assert found.interval is not None
    assert all(math.isfinite(end) for end in found.interval)


def test_a_single_seed_has_no_interval() -> None:
    assert gain(Summary(2.0, None, 1), Summary(1.0, 0.5, 3)) == Gain(1.0, None)


def test_scipy_is_imported_only_for_an_interval() -> None:
    code = (
        "import sys; from attnctl.reports.statistics import Summary, gain; "
        "gain(Summary(2.0, None, 1), Summary(1.0, 0.5, 3)); assert 'scipy' not in sys.modules; "
        "gain(Summary(2.0, 0.1, 2), Summary(1.0, 0.5, 3)); assert 'scipy.stats' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.filterwarnings("ignore:Precision loss:RuntimeWarning")  # of the oracle
@given(samples)
def test_the_interval_of_a_mean_is_students(values: list[float]) -> None:
    found = interval(summarised(values))
    assert found is not None
    expected = stats.ttest_1samp(values, 0.0).confidence_interval(0.95) if len(set(values)) > 1 else (values[0],) * 2
    assert found == pytest.approx(tuple(expected), abs=1e-9)
    assert interval(summarised(values[:1])) is None


@pytest.mark.filterwarnings("ignore:Precision loss:RuntimeWarning")  # of the oracle
@given(st.lists(st.tuples(st.floats(0, 100), st.floats(0, 100)), min_size=2, max_size=8))
def test_the_interval_of_pairs_is_that_of_the_paired_t_test(pairs: list[tuple[float, float]]) -> None:
    ours, others = ({seed: round(pair[side], 3) for seed, pair in enumerate(pairs)} for side in (0, 1))
    found = paired(ours, {**others, 99: 0.0})
    assert found is not None
    assert found.n == len(pairs)
    if len({ours[seed] - others[seed] for seed in ours}) > 1:
        expected = stats.ttest_rel(list(ours.values()), list(others.values())).confidence_interval(0.95)
        assert interval(found) == pytest.approx(tuple(expected), rel=1e-6, abs=1e-6)
    assert paired({0: 1.0}, {1: 1.0}) is None


def test_more_seeds_are_as_many_as_the_interval_needs() -> None:
    values = Summary(1.0, 1.0, 3)
    more = more_seeds(values, lambda found: found[0] > 0)
    assert more is not None
    for n, excludes in ((3 + more - 1, False), (3 + more, True)):
        assert bool(1.0 - stats.t.ppf(0.975, n - 1) / math.sqrt(n) > 0) is excludes
    assert more_seeds(Summary(1.0, None, 1), lambda _: True) is None
    assert more_seeds(Summary(0.0, 1.0, 3), lambda found: found[0] > 0) is None
