"""p values of several comparisons: corrected by Holm, or of Dunnett's test where rows are not paired."""

from __future__ import annotations

from collections.abc import Sequence

from attnctl.reports.statistics.means import summary, welch_error


def holm(values: Sequence[float]) -> list[float]:
    """The p values corrected for their number (Holm 1979), in their order."""
    order = sorted(range(len(values)), key=lambda place: values[place])
    corrected, largest = [1.0] * len(values), 0.0
    for rank, place in enumerate(order):
        largest = max(largest, min(1.0, (len(values) - rank) * values[place]))
        corrected[place] = largest
    return corrected


def dunnett(samples: Sequence[Sequence[float]], control: Sequence[float]) -> list[float | None]:
    """The p values of samples against one control, corrected for their number (Dunnett 1955).

    None for a sample of a single value, and for all of them if nothing varies.
    """
    if len(control) < 2:
        return [None] * len(samples)
    usable = [sample for sample in samples if len(sample) > 1]
    sides = [item for item in map(summary, (*usable, control)) if item is not None]
    if not usable or all(side.equal for side in sides):
        return [None] * len(samples)
    from scipy import stats

    found = iter(stats.dunnett(*usable, control=control, random_state=0).pvalue)
    return [min(1.0, float(next(found))) if len(sample) > 1 else None for sample in samples]


def welch(first: Sequence[float], second: Sequence[float]) -> float:
    """The two-sided p value of Welch's t-test; 1 where a side is a single value or nothing varies."""
    one, other = summary(first), summary(second)
    if one is None or other is None or None in (one.spread, other.spread) or (one.equal and other.equal):
        return 1.0
    from scipy.special import stdtr

    error, freedom = welch_error(one, other)
    return float(2 * stdtr(freedom, -abs(one.mean - other.mean) / error))
