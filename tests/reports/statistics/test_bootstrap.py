"""The BCa interval, held against Efron's formulas."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from attnctl.reports.statistics.bootstrap import LEAST, bca

VALUES = [0.31, 0.12, 0.55, -0.08, 0.42, 0.27, 0.9, 0.15, 0.38, 0.05]


def by_the_formulas(values: list[float], resamples: int) -> tuple[float, float]:
    """Efron and Tibshirani 1993, equations 14.10, 14.14 and 14.15."""
    x = np.asarray(values)
    n = len(x)
    generator = np.random.default_rng(11)
    means = x[generator.integers(0, n, (resamples, n))].mean(axis=1)
    bias = stats.norm.ppf((np.mean(means < x.mean()) + np.mean(means <= x.mean())) / 2)
    left_out = np.array([np.delete(x, at).mean() for at in range(n)])
    deviations = left_out.mean() - left_out
    acceleration = (deviations**3).sum() / (6 * (deviations**2).sum() ** 1.5)
    ends = []
    for level in (0.025, 0.975):
        z = bias + stats.norm.ppf(level)
        ends.append(float(np.quantile(means, stats.norm.cdf(bias + z / (1 - acceleration * z)))))
    return ends[0], ends[1]


def test_the_interval_is_that_of_the_formulas() -> None:
    found = bca(VALUES)
    assert found == pytest.approx(by_the_formulas(VALUES, 100_000), abs=0.01)
    assert bca(VALUES) == found


def test_few_and_equal_values_have_none() -> None:
    assert bca(VALUES[: LEAST - 1]) is None
    assert bca(VALUES[:LEAST]) is not None
    assert bca([0.5] * LEAST) is None
