"""The bootstrap interval of a mean of differences: bias-corrected and accelerated (Efron 1987)."""

from __future__ import annotations

from collections.abc import Sequence

from attnctl.reports.statistics.means import CONFIDENCE, summary

LEAST = 8
"""Seeds from which on it is computed: of fewer, its coverage is far below its name (docs/statistics.md)."""

RESAMPLES = 9999


def bca(values: Sequence[float]) -> tuple[float, float] | None:
    """The BCa interval of the mean; None of fewer than LEAST values, and of equal ones. The same at every call."""
    found = summary(values)
    if found is None or found.n < LEAST or found.equal:
        return None
    import numpy as np
    from scipy import stats

    interval = stats.bootstrap(
        (np.asarray(values),),
        np.mean,
        confidence_level=CONFIDENCE,
        n_resamples=RESAMPLES,
        method="BCa",
        random_state=np.random.default_rng(0),
    ).confidence_interval
    return float(interval.low), float(interval.high)
