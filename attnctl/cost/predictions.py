"""How good the estimates were: each completed run against the estimate from what was measured before its submission."""

from __future__ import annotations

import statistics
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from attnctl.cost.model import CostModel, Estimate
from attnctl.cost.observations import Observation
from attnctl.cost.shapes import Machine, Shape
from attnctl.spec import RunSpec


@dataclass(frozen=True, kw_only=True)
class Prediction:
    """The estimate of runs that were submitted together and are of one shape and length, and their measured time.

    estimate: None if nothing was known. measured: seconds from the first to the last event, the mean of the runs
    """

    shape: Shape
    machine: Machine
    epochs: int
    runs: tuple[str, ...]
    estimate: Estimate | None
    measured: float

    @property
    def error(self) -> float | None:
        """The likely time against the measured one, as a fraction of the measured one: 0.1 is 10 % too long."""
        return self.estimate.likely / self.measured - 1 if self.estimate is not None else None

    @property
    def held(self) -> bool:
        """Whether the measured time lies in the estimated range."""
        return self.estimate is not None and self.estimate.low <= self.measured <= self.estimate.high


def predictions(
    found: Sequence[Observation], specs: Mapping[str, RunSpec], runs: Collection[str] | None = None
) -> list[Prediction]:
    """The predictions of completed, uninterrupted runs, in the order of their submission.

    specs: of the runs. runs: ids of those that count; None for all.
    """
    groups: dict[tuple[float, Shape, Machine, int], list[Observation]] = defaultdict(list)
    for item in sorted(found, key=lambda item: item.asked):
        spec = specs.get(item.run)
        if item.seconds and spec is not None and (runs is None or item.run in runs):
            groups[item.asked, item.shape, item.machine, spec.recipe.epochs or spec.recipe.steps].append(item)
    models: dict[float, CostModel] = {}
    made = []
    for (asked, shape, machine, length), items in groups.items():
        if asked not in models:
            models[asked] = CostModel([item for item in found if item.at <= asked])
        seconds = [item.seconds for item in items if item.seconds]
        made.append(
            Prediction(
                shape=shape,
                machine=machine,
                epochs=length,
                runs=tuple(dict.fromkeys(item.run for item in items)),
                estimate=models[asked].estimate(specs[items[0].run], machine),
                measured=statistics.mean(seconds),
            )
        )
    return made


@dataclass(frozen=True, kw_only=True)
class Accuracy:
    """The errors of some predictions. error: the median of their absolute values; held: those within their range."""

    count: int
    error: float
    held: int


def accuracy(made: Sequence[Prediction]) -> dict[str, Accuracy]:
    """The accuracy of the estimates by their kind; kinds without predictions are left out."""
    kinds: dict[str, list[Prediction]] = defaultdict(list)
    for item in made:
        if item.estimate is not None:
            kinds[item.estimate.kind].append(item)
    return {
        kind: Accuracy(
            count=len(items),
            error=statistics.median(abs(item.error or 0.0) for item in items),
            held=sum(item.held for item in items),
        )
        for kind, items in sorted(kinds.items())
    }
