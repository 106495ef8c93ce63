"""The samples of a search: what runs they have, which module they are of, and which one won."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from attnctl.db import RunRow
from attnctl.lifecycle.state import State
from attnctl.reports.comparison.metrics import primary
from attnctl.reports.replicates import Epoch, Metric, Replicates, of_versions
from attnctl.search.sampled import is_shared, values_of
from attnctl.spec import RunSpec
from attnctl.values import Scalar
from attnctl.workspace.records import Search

_ENDED = {State.COMPLETED, State.DIVERGED}
"""Training again gives nothing else."""


@dataclass(frozen=True, kw_only=True)
class Sample:
    """One sample: its runs differ in nothing but the seed. values: what the search varies of it."""

    spec: RunSpec
    values: Mapping[str, Scalar]
    runs: Replicates

    @property
    def ended(self) -> bool:
        """Whether training it again would give nothing else."""
        return len([row for row in self.runs.rows if row.state in _ENDED]) == self.runs.wanted

    @property
    def length(self) -> int:
        """Epochs, or steps, of its training: shorter at the lower rungs of a search."""
        return self.spec.recipe.epochs or self.spec.recipe.steps

    @property
    def on_all_images(self) -> RunSpec:
        """The same training without a validation split."""
        return replace(self.spec, recipe=replace(self.spec.recipe, val_split=0.0))


@dataclass(frozen=True, kw_only=True)
class Module:
    """The samples of one module in one network, in the order of the sweep. metric: what is held against another."""

    samples: tuple[Sample, ...]
    metric: Metric
    wanted: int
    """Trainings that it is to have: a search with rungs trains some samples several times."""

    @property
    def spec(self) -> RunSpec:
        """The spec of one of its runs."""
        return self.samples[0].spec

    @cached_property
    def ranked(self) -> tuple[Sample, ...]:
        """The best sample first, of the longest trainings before the others; those without a number last."""
        sign = 1 if self.metric.lower else -1
        means = [sample.runs.summary(self.metric) for sample in self.samples]
        order = sorted(
            range(len(means)),
            key=lambda at: (-self.samples[at].length, means[at] is None, sign * getattr(means[at], "mean", 0.0)),
        )
        return tuple(self.samples[index] for index in order)

    @property
    def winner(self) -> Sample | None:
        """The best sample, once all of them have ended."""
        best = self.ranked[0]
        ended = len(self.samples) >= self.wanted and all(item.ended for item in self.samples)
        return best if ended and best.runs.done(self.metric) else None

    @property
    def steps(self) -> int:
        """Training steps of all samples, as planned."""
        return sum(row.steps or 0 for sample in self.samples for row in sample.runs.rows)

    @property
    def points(self) -> frozenset[tuple[tuple[str, Scalar], ...]]:
        """The values that all modules share, of each sample."""
        return frozenset(
            tuple((name, value) for name, value in sample.values.items() if is_shared(name)) for sample in self.samples
        )

    def name(self, *, with_placement: bool) -> str:
        """Such as `ela`, or `ela@stage`."""
        placed = with_placement and self.spec.placement
        return f"{self.spec.module}@{self.spec.placement}" if placed else self.spec.module


def modules_of(search: Search, rows: Sequence[RunRow], epoch: Epoch = "last") -> list[Module]:
    """The compared modules with their samples. rows: the runs of the sweep, in its order."""
    cells: dict[tuple[object, ...], dict[str, list[RunRow]]] = {}
    for row in rows:
        if row.details["spec"].get(row.id) is not None:  # else it is broken, and `status` says so
            key = (row.network, row.dataset, row.module, row.placement)
            cells.setdefault(key, {}).setdefault(row.lineage or row.family, []).append(row)
    seeds = {row.seed for row in rows}
    return [_module(search, list(samples.values()), seeds, epoch) for samples in cells.values()]


def _module(search: Search, samples: Sequence[Sequence[RunRow]], seeds: Collection[int], epoch: Epoch) -> Module:
    found = tuple(
        Sample(
            spec=runs[0].spec,
            values=values_of(runs[0].spec, sorted(search.ranges, key=lambda name: (not is_shared(name), name))),
            runs=of_versions(runs, {row.id for row in runs}, seeds),
        )
        for runs in samples
    )
    metric = Metric(name=primary(samples[0][0]), epoch=epoch)
    return Module(samples=found, metric=metric, wanted=search.trainings if found[0].values else 1)
