"""Several methods over several data sets: ranks, Friedman's test, and the tests after it (Demsar 2006)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from attnctl.reports.statistics.corrections import holm
from attnctl.reports.statistics.means import ROUNDING
from attnctl.reports.statistics.sign_flip import LEVEL


@dataclass(frozen=True)
class Friedman:
    """Friedman's test. f: Iman and Davenport's statistic, which is less conservative, with its p value."""

    chi2: float
    f: float
    p: float


def ranks(scores: Sequence[Sequence[float]], *, lower: bool = False) -> list[list[float]]:
    """The ranks of the methods on each data set, 1 for the best; equal ones share the mean of their ranks.

    scores: of each data set, those of the methods. lower: the lower score is the better one
    """
    return [_ranked([score if lower else -score for score in row]) for row in scores]


def _ranked(row: Sequence[float]) -> list[float]:
    def rank(score: float) -> float:
        equal = sum(abs(other - score) <= ROUNDING for other in row)
        return 1 + sum(other < score - ROUNDING for other in row) + (equal - 1) / 2

    return [rank(score) for score in row]


def mean_ranks(found: Sequence[Sequence[float]]) -> list[float]:
    """The mean rank of each method."""
    return [sum(column) / len(found) for column in zip(*found, strict=True)]


def friedman(found: Sequence[Sequence[float]]) -> Friedman:
    """Friedman's test of ranks, of two data sets or more, and two methods or more (Demsar 2006, section 3.2.2).

    Corrected for equal ranks, as scipy.stats.friedmanchisquare is (Conover, Practical Nonparametric Statistics, 1999,
    section 5.8); without them it is Demsar's formula.
    """
    from scipy.special import fdtrc

    n, k = len(found), len(found[0])
    middle = (k + 1) / 2
    between = n * sum((rank - middle) ** 2 for rank in mean_ranks(found))
    within = sum((rank - middle) ** 2 for row in found for rank in row) / (n * (k - 1))
    if within <= ROUNDING:  # all are equal everywhere
        return Friedman(0.0, 0.0, 1.0)
    chi2 = between / within
    rest = n * (k - 1) - chi2
    if rest <= ROUNDING:  # the same order everywhere
        return Friedman(chi2, math.inf, 0.0)
    f = (n - 1) * chi2 / rest
    return Friedman(chi2, f, float(fdtrc(k - 1, (k - 1) * (n - 1), f)))


def critical_difference(methods: int, sets: int) -> float:
    """Nemenyi's critical difference of two mean ranks at 5 %."""
    from scipy.stats import studentized_range

    quantile = float(studentized_range.ppf(1 - LEVEL, methods, math.inf)) / math.sqrt(2)
    return quantile * _error(methods, sets)


def against(found: Sequence[Sequence[float]], control: int) -> list[float]:
    """The p values of each method against one of them: z tests of mean ranks, corrected by Holm. Its own is 1."""
    from scipy.special import ndtr

    means = mean_ranks(found)
    error = _error(len(means), len(found))
    others = [place for place in range(len(means)) if place != control]
    corrected = iter(holm([float(2 * ndtr(-abs(means[place] - means[control]) / error)) for place in others]))
    return [1.0 if place == control else next(corrected) for place in range(len(means))]


def cliques(means: Sequence[float], distance: float) -> list[tuple[int, ...]]:
    """The largest groups of neighbours in rank that do not differ by more than a critical difference."""
    order = sorted(range(len(means)), key=lambda place: means[place])
    found: list[tuple[int, ...]] = []
    for start in range(len(order)):
        members = tuple(place for place in order[start:] if means[place] - means[order[start]] <= distance)
        if len(members) > 1 and not any(set(members) <= set(other) for other in found):
            found.append(members)
    return found


def _error(methods: int, sets: int) -> float:
    return math.sqrt(methods * (methods + 1) / (6 * sets))
