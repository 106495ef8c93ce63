"""The mean of some seeds, their spread, and the confidence interval of the mean."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

CONFIDENCE = 0.95
"""Of the interval of a mean or a difference."""

ROUNDING = 1e-9
"""A spread below this is rounding of floats: the values are equal."""


@dataclass(frozen=True)
class Summary:
    """Of some values: their mean, sample standard deviation (ddof = 1; None of fewer than two) and number."""

    mean: float
    spread: float | None
    n: int

    @property
    def equal(self) -> bool:
        """Whether there are several values, and all of them are equal: such values have no interval."""
        return self.spread is not None and self.spread <= ROUNDING


def summary(values: Sequence[float]) -> Summary | None:
    """Mean and spread; None of nothing."""
    if not values:
        return None
    spread = statistics.stdev(values) if len(values) > 1 else None
    return Summary(statistics.fmean(values), spread, len(values))


def interval(values: Summary) -> tuple[float, float] | None:
    """The confidence interval of a mean, by Student's t; None for a single value, and for equal ones."""
    if values.spread is None or values.equal:
        return None
    margin = half_width(values.spread, values.n)
    return values.mean - margin, values.mean + margin


def half_width(spread: float, n: int) -> float:
    """Of the confidence interval of a mean of n values."""
    return quantile(n - 1) * spread / math.sqrt(n)


def quantile(freedom: float) -> float:
    """Of Student's t, two-sided."""
    from scipy.special import stdtrit  # imported in a third of scipy.stats' time

    return float(stdtrit(freedom, (1 + CONFIDENCE) / 2))


def welch_error(first: Summary, second: Summary) -> tuple[float, float]:
    """The standard error of a difference of two means, and its degrees of freedom (Welch-Satterthwaite).

    Both have several values, and those of one vary at least.
    """
    parts = [(item.spread or 0.0) ** 2 / item.n for item in (first, second)]
    # In shares of the whole, so that a tiny spread does not vanish when it is squared.
    shares = [part / sum(parts) for part in parts]
    freedom = 1 / sum(share**2 / (item.n - 1) for share, item in zip(shares, (first, second), strict=True))
    return math.sqrt(sum(parts)), freedom
