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

from attnctl.reports.statistics import Gain, Summary, gain, summary


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
