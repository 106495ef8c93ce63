"""How many seeds a question needs."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Sequence

from attnctl.reports.statistics.means import ROUNDING, Summary, half_width, quantile, summary

MOST_SEEDS = 1000
"""More seeds than these are not estimated."""

POWER = 0.8
"""The probability of finding a true gap, for which seeds are counted."""


def more_seeds(values: Summary, settles: Callable[[tuple[float, float]], bool]) -> int | None:
    """How many more seeds would settle a question, if mean and spread stay as they are.

    settles: whether an interval settles it. None: unknown with a single value or equal ones, or more than MOST_SEEDS
    """
    if values.spread is None or values.equal:
        return None
    for n in range(values.n + 1, values.n + MOST_SEEDS + 1):
        margin = half_width(values.spread, n)
        if settles((values.mean - margin, values.mean + margin)):
            return n - values.n
    return None


def power(effect: float, n: int) -> float:
    """The power of the two-sided one-sample or paired t-test at 5 %. effect: mean over standard deviation."""
    from scipy.special import nctdtr

    threshold, noncentral = quantile(n - 1), abs(effect) * math.sqrt(n)
    return float(1 - nctdtr(n - 1, noncentral, threshold) + nctdtr(n - 1, noncentral, -threshold))


def seeds_for_gap(gap: float, spread: float, least: int = 2) -> int | None:
    """The fewest seeds with which a true gap is found significant with a power of 80 %; None for more than MOST_SEEDS.

    spread: standard deviation of the differences. least: fewer are not enough whatever the gap
    """
    if abs(gap) <= ROUNDING or spread <= ROUNDING:
        return None
    return next((n for n in range(max(2, least), MOST_SEEDS + 1) if power(gap / spread, n) >= POWER), None)


def seeds_for_width(spread: float, wanted: float) -> int | None:
    """The fewest seeds whose mean has an interval of this half-width or less; None for more than MOST_SEEDS."""
    if spread <= ROUNDING:
        return None
    return next((n for n in range(2, MOST_SEEDS + 1) if half_width(spread, n) <= wanted), None)


def correlation(first: Sequence[float], second: Sequence[float]) -> float | None:
    """Pearson's correlation of partners; None of fewer than three, or where one side does not vary."""
    sides = [summary(first), summary(second)]
    if len(first) < 3 or any(side is None or side.equal for side in sides):
        return None
    return statistics.correlation(first, second)
