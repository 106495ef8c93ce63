"""Means over seeds, and how far two of them differ."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

CONFIDENCE = 0.95
"""Of the interval of a mean or a difference."""

MOST_SEEDS = 1000
"""More seeds than these are not estimated."""


@dataclass(frozen=True)
class Summary:
    """Of some values: their mean, sample standard deviation (ddof = 1; None of fewer than two) and number."""

    mean: float
    spread: float | None
    n: int


@dataclass(frozen=True)
class Gain:
    """A difference of two means. interval: its confidence interval; None where one of the two has a single value."""

    value: float
    interval: tuple[float, float] | None


def summary(values: Sequence[float]) -> Summary | None:
    """Mean and spread; none of nothing."""
    if not values:
        return None
    spread = statistics.stdev(values) if len(values) > 1 else None
    return Summary(statistics.fmean(values), spread, len(values))


def gain(ours: Summary, baseline: Summary) -> Gain:
    """Ours minus the baseline, with Welch's interval: the two may differ in their spread and number of seeds."""
    value = ours.mean - baseline.mean
    if ours.spread is None or baseline.spread is None:
        return Gain(value, None)
    parts = [(item.spread or 0.0) ** 2 / item.n for item in (ours, baseline)]
    error = math.sqrt(sum(parts))
    if error == 0:
        return Gain(value, (value, value))
    # Welch-Satterthwaite, in shares of the whole, so that a tiny spread does not vanish when it is squared.
    shares = [part / sum(parts) for part in parts]
    freedom = 1 / sum(share**2 / (item.n - 1) for share, item in zip(shares, (ours, baseline), strict=True))
    margin = _quantile(freedom) * error
    return Gain(value, (value - margin, value + margin))


def interval(values: Summary) -> tuple[float, float] | None:
    """The confidence interval of a mean, by Student's t; None for a single value."""
    if values.spread is None:
        return None
    margin = _half_width(values.spread, values.n)
    return values.mean - margin, values.mean + margin


def paired(ours: Mapping[int, float], others: Mapping[int, float]) -> Summary | None:
    """The differences of runs that share a seed, ours minus the other; None if none do.

    Runs of one seed start from the same weights where they can, and see the same images in the same order. Their
    difference therefore varies less than either of them.
    """
    return summary([ours[seed] - others[seed] for seed in sorted(ours.keys() & others.keys())])


def more_seeds(values: Summary, settles: Callable[[tuple[float, float]], bool]) -> int | None:
    """How many more seeds would settle a question, if mean and spread stay as they are.

    settles: whether an interval settles it. None: unknown with a single value, or more than MOST_SEEDS
    """
    if values.spread is None:
        return None
    for n in range(values.n + 1, values.n + MOST_SEEDS + 1):
        margin = _half_width(values.spread, n)
        if settles((values.mean - margin, values.mean + margin)):
            return n - values.n
    return None


def _half_width(spread: float, n: int) -> float:
    """Of the confidence interval of a mean of n values."""
    return _quantile(n - 1) * spread / math.sqrt(n) if spread else 0.0


def _quantile(freedom: float) -> float:
    """Of Student's t, two-sided."""
    from scipy.special import stdtrit  # imported in a third of scipy.stats' time

    return float(stdtrit(freedom, (1 + CONFIDENCE) / 2))
