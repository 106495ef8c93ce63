"""How many seeds a question needs."""

from __future__ import annotations

from collections.abc import Callable

from attnctl.reports.statistics.means import Summary, half_width

MOST_SEEDS = 1000
"""More seeds than these are not estimated."""


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
