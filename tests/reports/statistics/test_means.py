"""Means over seeds and their intervals, held against scipy.stats."""

from __future__ import annotations

import statistics
import subprocess
import sys

import pytest
from hypothesis import given
from scipy import stats

from attnctl.reports.statistics.means import Summary, interval, summary
from tests.reports.statistics.samples import samples, summarised


@given(samples)
def test_the_spread_is_the_sample_deviation(values: list[float]) -> None:
    assert summary(values) == Summary(statistics.fmean(values), statistics.stdev(values), len(values))
    assert summary(values[:1]) == Summary(values[0], None, 1)
    assert summary([]) is None


@pytest.mark.filterwarnings("ignore:Precision loss:RuntimeWarning")  # of the oracle
@given(samples)
def test_the_interval_of_a_mean_is_students(values: list[float]) -> None:
    found = interval(summarised(values))
    if len(set(values)) > 1:
        expected = stats.ttest_1samp(values, 0.0).confidence_interval(0.95)
        assert found == pytest.approx(tuple(expected), abs=1e-9)
    else:
        assert found is None
    assert interval(summarised(values[:1])) is None


def test_equal_values_have_no_interval_of_width_zero() -> None:
    equal = summarised([91.25, 91.25, 91.25])
    assert equal.equal
    assert interval(equal) is None
    rounded = summarised([91.3 - 90.2, 92.4 - 91.3, 93.5 - 92.4])  # 1.1, but for the rounding of floats
    assert rounded.spread != 0
    assert interval(rounded) is None
    assert not summarised([91.25, 91.26]).equal
    assert not summarised([91.25]).equal


def test_scipy_is_imported_only_for_an_interval() -> None:
    code = (
        "import sys; from attnctl.reports.statistics.gains import gain; "
        "gain({0: 2.0}, {0: 1.0, 1: 2.0}); assert 'scipy' not in sys.modules; "
        "gain({0: 2.0, 1: 3.0}, {0: 1.0, 1: 2.5}); assert 'scipy.stats' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
