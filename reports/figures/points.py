"""The points, axes and notes of charts: pure functions from runs."""

from __future__ import annotations

import math
import statistics
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace

from attnctl.db import RunRow
from attnctl.lifecycle.state import State
from attnctl.metrics import BY_KEY
from attnctl.reports import naming
from attnctl.reports.figures.data import Axis, Level, Point, Series
from attnctl.units import quantity
from attnctl.values import SpecError, comma_join, did_you_mean

_MOST_TICKS = 9
_BY_FACTORS = frozenset({"lr", "backbone_lr", "penalty", "weight_decay", "e_lambda", "min_lr_ratio"})
"""Rates and penalties: each value is a multiple of the one before it."""
_DECADES = 30.0
"""From this ratio of the largest value to the least on, an axis is logarithmic."""


def completed(rows: Sequence[RunRow], y: str) -> list[RunRow]:
    """The runs that are done and have the metric; raises SpecError when there is none."""
    done = [row for row in rows if row.state == State.COMPLETED]
    if not done:
        raise SpecError(f"none of {quantity(len(rows), 'run')} is completed; nothing to draw: {states(rows)}")
    if not any(y in row.metrics for row in done):
        raise SpecError(f"no completed run has {y!r}{did_you_mean(y, {name for row in done for name in row.metrics})}")
    return [row for row in done if y in row.metrics]


def states(rows: Sequence[RunRow]) -> str:
    """How many runs are in which state, such as `2 running, 1 queued`."""
    return comma_join(f"{count} {state}" for state, count in Counter(row.state for row in rows).most_common())


def grouped(rows: Sequence[RunRow], keys: Mapping[str, naming.Key]) -> list[tuple[naming.Key, list[RunRow]]]:
    """The runs of each key, the plain backbone first; each in the order of the seeds."""
    found: dict[naming.Key, list[RunRow]] = defaultdict(list)
    for row in sorted(rows, key=lambda row: row.seed):
        found[keys[row.id]].append(row)
    return sorted(found.items(), key=lambda item: naming.key_order(item[0]))


def mean(x: float, values: Mapping[str, float]) -> Point:
    """The mean of some runs. values: run id -> value."""
    numbers = list(values.values())
    spread = statistics.stdev(numbers) if len(numbers) > 1 else None
    return Point(x=x, y=statistics.fmean(numbers), spread=spread, n=len(numbers), runs=tuple(values))


def means(rows: Sequence[RunRow], at: Callable[[RunRow], float], y: str) -> tuple[Point, ...]:
    """A point for each x, ascending. at: the x of a run."""
    found: dict[float, dict[str, float]] = defaultdict(dict)
    for row in rows:
        found[at(row)][row.id] = row.metrics[y]
    return tuple(mean(x, values) for x, values in sorted(found.items()))


def level(name: str, rows: Sequence[RunRow], y: str) -> Level:
    """The mean of some runs, as a line."""
    (point,) = means(rows, lambda _: 0.0, y)
    return Level(name=name, y=point.y, spread=point.spread, n=point.n, runs=point.runs)


def with_front(series: Iterable[Series], *, lower: bool = False) -> tuple[Series, ...]:
    """The series with the points of their common Pareto front marked. lower: the lower y is the better one."""
    series = tuple(series)
    points = {(point.x, point.y) for item in series for point in item.points}
    sign = -1 if lower else 1
    front, best = set(), -math.inf
    for x, y in sorted(points, key=lambda point: (point[0], -sign * point[1])):
        if sign * y > best:
            front.add((x, y))
            best = sign * y
    return tuple(
        replace(item, points=tuple(replace(point, front=(point.x, point.y) in front) for point in item.points))
        for item in series
    )


def metric_axis(y: str) -> Axis:
    """The axis of a metric."""
    return Axis(name=y, title=BY_KEY[y].axis if y in BY_KEY else y)


def value_axis(name: str, numbers: Sequence[float]) -> Axis:
    """The axis of a hyperparameter or recipe field. numbers: the values, ascending.

    It is logarithmic for rates and penalties, for powers of two, and for what spans decades.
    """
    axis = Axis(name=name, title=name, ticks=tuple(numbers) if len(numbers) <= _MOST_TICKS else ())
    positive = [number for number in numbers if number > 0]
    if name in _BY_FACTORS and len(positive) > 1:
        if numbers[0] == 0:
            return replace(axis, log=10, linear_below=positive[0])
        return replace(axis, log=10) if numbers[0] > 0 else axis
    if len(numbers) > 2 and all(number > 0 and math.log2(number).is_integer() for number in numbers):
        return replace(axis, log=2)
    if numbers[0] > 0 and numbers[-1] / numbers[0] >= _DECADES:
        return replace(axis, log=10)
    return axis


def unit_of(least: float) -> tuple[str, float]:
    """The unit in which numbers are told, and what it counts. least: the smallest of them."""
    return next(((unit, count) for unit, count in (("G", 1e9), ("M", 1e6), ("k", 1e3)) if least >= count / 10), ("", 1))
