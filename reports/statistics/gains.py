"""The difference of two rows: of the runs that share a seed where there are such runs, else of the two means."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from attnctl.reports.statistics.means import ROUNDING, Summary, interval, quantile, summary, welch_error

LEAST_PAIRS = 2
"""Seeds that two rows must share, so that their difference is that of pairs."""

Method = Literal["paired", "welch"]


@dataclass(frozen=True)
class Gain:
    """A difference of two rows, ours minus the baseline.

    interval: its 95 % confidence interval; None where a side has a single value, or all differences are equal.
    values, baseline: what it was computed from; of pairs in the order of the seeds. seeds: of values.
    """

    value: float
    interval: tuple[float, float] | None
    method: Method
    seeds: tuple[int, ...]
    values: tuple[float, ...]
    baseline: tuple[float, ...]

    @property
    def equal(self) -> bool:
        """Whether it has no interval because the results do not vary."""
        return self.interval is None and min(len(self.values), len(self.baseline)) > 1


def gain(ours: Mapping[int, float], baseline: Mapping[int, float], *, unpaired: bool = False) -> Gain:
    """The difference of two rows, of which each has a value at least. ours, baseline: values by seed.

    Rows that share two seeds or more are compared over these seeds, with the interval of the paired t-test. Others are
    compared over all their seeds, with Welch's interval, as they all are if unpaired is set.
    """
    shared = sorted(ours.keys() & baseline.keys())
    if len(shared) >= LEAST_PAIRS and not unpaired:
        return _paired(tuple(shared), ours, baseline)
    seeds = tuple(sorted(ours))
    values = tuple(ours[seed] for seed in seeds)
    theirs = tuple(baseline[seed] for seed in sorted(baseline))
    sides = [side for side in (summary(values), summary(theirs)) if side is not None]
    first, second = sides
    return Gain(first.mean - second.mean, _welch(first, second), "welch", seeds, values, theirs)


def paired(ours: Mapping[int, float], others: Mapping[int, float]) -> Summary | None:
    """The differences of runs that share a seed, ours minus the other; None if none do.

    Runs of one seed start from the same weights where they can, and see the same images in the same order. Their
    difference therefore varies less than either of them.
    """
    return summary([ours[seed] - others[seed] for seed in sorted(ours.keys() & others.keys())])


def superiority(found: Gain, *, lower: bool = False) -> float:
    """P(A > B): the share of pairs in which ours is better, ties counted half; unpaired, of all pairs of two runs.

    lower: the lower value is the better one (Bouthillier et al. 2021, section 4).
    """
    if found.method == "paired":
        pairs = list(zip(found.values, found.baseline, strict=True))
    else:
        pairs = [(ours, theirs) for ours in found.values for theirs in found.baseline]
    sign = -1 if lower else 1
    return sum(_better(sign * (ours - theirs)) for ours, theirs in pairs) / len(pairs)


def _better(difference: float) -> float:
    return 0.5 if abs(difference) <= ROUNDING else float(difference > 0)


def _paired(seeds: tuple[int, ...], ours: Mapping[int, float], baseline: Mapping[int, float]) -> Gain:
    differences = paired(ours, baseline)
    assert differences is not None
    values, theirs = (tuple(side[seed] for seed in seeds) for side in (ours, baseline))
    return Gain(differences.mean, interval(differences), "paired", seeds, values, theirs)


def _welch(ours: Summary, baseline: Summary) -> tuple[float, float] | None:
    """Welch's interval: the two sides may differ in their spread and number of seeds."""
    if ours.spread is None or baseline.spread is None or (ours.equal and baseline.equal):
        return None
    error, freedom = welch_error(ours, baseline)
    margin = quantile(freedom) * error
    value = ours.mean - baseline.mean
    return value - margin, value + margin
