"""The sign-flip test of paired differences: under the null hypothesis each difference has either sign alike."""

from __future__ import annotations

import math
from collections.abc import Sequence

from attnctl.reports.statistics.means import ROUNDING

LEVEL = 0.05
"""p values below this are significant."""

MOST_EXACT = 20
"""Pairs up to which every assignment of signs is looked at; from more, SAMPLES random ones."""

SAMPLES = 100_000


def p_value(differences: Sequence[float]) -> float:
    """The two-sided p value of the mean of paired differences; 1 if all of them are 0.

    Exact up to MOST_EXACT pairs; from more, by random signs of a fixed seed.
    """
    import numpy as np

    values = np.asarray(differences, dtype=float)
    n = len(values)
    observed = abs(values.sum())
    close = ROUNDING * max(1, n)
    if n <= MOST_EXACT:
        sums = np.zeros(1)
        for value in values:
            sums = np.concatenate([sums + value, sums - value])
        return float(np.mean(np.abs(sums) >= observed - close))
    generator = np.random.default_rng(0)
    extreme = 0
    for _ in range(SAMPLES // 1000):
        signs = generator.choice((-1.0, 1.0), size=(1000, n))
        extreme += int(np.sum(np.abs(signs @ values) >= observed - close))
    return (extreme + 1) / (SAMPLES + 1)


def least_p(pairs: int) -> float:
    """The smallest p value of so many pairs: of 2**pairs assignments of signs, two are as extreme as equal signs."""
    return min(1.0, 2.0 / 2.0**pairs)


def least_pairs(comparisons: int = 1) -> int:
    """The fewest pairs with which one of several comparisons can be significant after Holm's correction: 6 for one."""
    return math.ceil(math.log2(2 * max(1, comparisons) / LEVEL))
