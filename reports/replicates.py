"""The runs behind one row of a table: one for each seed, all of one version of the code."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from attnctl.db import RunRow
from attnctl.lifecycle.state import State
from attnctl.metrics import lower_is_better
from attnctl.reports.statistics.gains import Gain
from attnctl.reports.statistics.means import Summary, summary
from attnctl.reports.table import Cell
from attnctl.spec import RunSpec
from attnctl.units import quantity
from attnctl.values import comma_join

Epoch = Literal["last", "best"]

NOT_RUN = "not run"

EQUAL = "equal in all seeds, so there is no interval"
"""What is to be said of a mean or a difference whose values are all equal."""

BEST_ON_TEST = "the best epoch on the test set, chosen by the test set itself"
"""What is to be said of such a number."""


@dataclass(frozen=True, kw_only=True)
class Metric:
    """What is taken of a run. epoch: the last, or that with the highest top-1. error: 100 minus it."""

    name: str
    epoch: Epoch = "last"
    error: bool = False

    @property
    def lower(self) -> bool:
        """Whether the lower value is the better one."""
        return self.error or lower_is_better(self.name)

    @property
    def words(self) -> str:
        """What it is called: `top1 error`."""
        return f"{self.name} error" if self.error else self.name

    def of(self, row: RunRow) -> float | None:
        """The value of a run that has ended well; else none."""
        if not finished(row):
            return None
        value = (row.metrics if self.epoch == "last" else row.best).get(self.name)
        return value if value is None else self.shown(value)

    def shown(self, value: float) -> float:
        """A value of the metric as the column has it."""
        return 100 - value if self.error else value


@dataclass(frozen=True, kw_only=True)
class Replicates:
    """Runs that differ in nothing but the seed. seeds: those that there are to be."""

    rows: tuple[RunRow, ...] = ()
    seeds: tuple[int, ...] = ()
    left_out: int = 0
    """Completed runs of other versions of the code, which no mean takes in."""

    @property
    def wanted(self) -> int:
        """How many there are to be."""
        return len(self.seeds)

    def values(self, metric: Metric) -> list[float]:
        """The metric of the runs that are done."""
        return [value for _, value in self._measured(metric)]

    def by_seed(self, metric: Metric) -> dict[int, float]:
        """The metric of the runs that are done, by their seeds."""
        return {row.seed: value for row, value in self._measured(metric)}

    def summary(self, metric: Metric) -> Summary | None:
        """Its mean and spread; none of nothing."""
        if metric not in self._summaries:
            self._summaries[metric] = summary(self.values(metric))
        return self._summaries[metric]

    def done(self, metric: Metric) -> tuple[RunRow, ...]:
        """The runs that its mean is of."""
        return tuple(row for row, _ in self._measured(metric))

    def _measured(self, metric: Metric) -> Sequence[tuple[RunRow, float]]:
        """Looked for once: a table asks for the same mean, best and gain many times."""
        if metric not in self._found:
            self._found[metric] = [(row, value) for row in self.rows if (value := metric.of(row)) is not None]
        return self._found[metric]

    @cached_property
    def _found(self) -> dict[Metric, Sequence[tuple[RunRow, float]]]:
        return {}

    @cached_property
    def _summaries(self) -> dict[Metric, Summary | None]:
        return {}

    def cell(self, metric: Metric, marks: tuple[str, ...] = ()) -> Cell:
        """The mean with its spread, or why there is none."""
        found = self.summary(metric)
        behind = self.done(metric) or self.rows
        return Cell(
            value=found.mean if found else None,
            spread=found.spread if found else None,
            n=found.n if found else 0,
            wanted=self.wanted,
            state=self.state(found.n if found else 0),
            runs=tuple(row.id for row in behind),
            seeds=tuple(row.seed for row in self.done(metric)),
            values=tuple(self.values(metric)),
            marks=marks,
        )

    def state(self, n: int) -> str:
        """What is not there yet, in words: the states of the rest, and how many are done when some are."""
        rest = states_of([row for row in self.rows if not finished(row)])
        if len(self.rows) < self.wanted and NOT_RUN not in rest:
            rest.append(NOT_RUN)
        if not rest and n < self.wanted:
            rest = ["not measured"]
        if not rest:
            return ""
        return f"n={n} of {self.wanted}: {comma_join(rest)}" if n else comma_join(rest)


def rows_of(variant: Iterable[RunSpec], found: Mapping[str, Sequence[RunRow]]) -> list[RunRow]:
    """The runs of a variant, of all versions of the code. found: by family, of which there is one for each base."""
    return [row for family in dict.fromkeys(spec.family for spec in variant) for row in found.get(family, ())]


def of_versions(rows: Iterable[RunRow], current: Collection[str], seeds: Collection[int]) -> Replicates:
    """The runs of one cell, of that version of the code that has most of them done; of equals the present one.

    rows: whatever the version. current: the ids that the present code gives. seeds: the wanted ones, and no others
    """
    versions: dict[str, list[RunRow]] = defaultdict(list)
    for row in rows:
        if row.seed in seeds:
            versions[row.versions].append(row)
    if not versions:
        return Replicates(seeds=tuple(sorted(seeds)))

    def rank(members: Sequence[RunRow]) -> tuple[int, bool, float]:
        now = any(row.id in current for row in members)
        return sum(map(finished, members)), now, max(row.created or 0.0 for row in members)

    chosen = max(versions.values(), key=rank)
    others = [row for members in versions.values() if members is not chosen for row in members]
    return Replicates(
        rows=tuple(sorted(chosen, key=lambda row: row.seed)),
        seeds=tuple(sorted(seeds)),
        left_out=sum(map(finished, others)),
    )


def has_gain(ours: int, baseline: int) -> bool:
    """Whether a difference to the baseline is told: both have a number, one of them of several seeds."""
    return min(ours, baseline) > 0 and max(ours, baseline) > 1


def gain_cell(ours: Cell, found: Gain | None) -> Cell:
    """The difference of a row's mean to its baseline's."""
    if found is None:
        return Cell()
    return Cell(
        value=found.value,
        interval=found.interval,
        method=found.method,
        n=len(found.values),
        wanted=ours.wanted,
        runs=ours.runs,
        seeds=found.seeds,
        values=found.values,
        baseline=found.baseline,
        marks=tuple(_gain_marks(ours, found)),
    )


def _gain_marks(ours: Cell, found: Gain) -> Iterator[str]:
    if found.equal:
        yield EQUAL
    if found.method == "paired" and len(found.values) < ours.n:
        yield f"over the {quantity(len(found.values), 'seed')} that both have"


def finished(row: RunRow) -> bool:
    """Whether its numbers count."""
    return row.state == State.COMPLETED


def states_of(rows: Iterable[RunRow]) -> list[str]:
    """The states of some runs in words, each once: `running 45%`, `failed: code error`."""
    found: dict[str, list[int]] = {}
    for row in rows:
        state = State(row.state)
        if state is State.RUNNING and row.progress is not None:
            found.setdefault(state, []).append(math.floor(100 * row.progress))
        elif state is State.NEW:
            found.setdefault(NOT_RUN, [])
        else:
            failed = state.failed and state is not State.DIVERGED
            found.setdefault(f"failed: {state}" if failed else str(state), [])
    return [f"{words} {_range(percent)}%" if percent else words for words, percent in found.items()]


def _range(numbers: Sequence[int]) -> str:
    """`45`, or `45-80` of several."""
    return "-".join(map(str, dict.fromkeys((min(numbers), max(numbers)))))
