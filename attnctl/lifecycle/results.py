"""The results of a run's evaluations: its last epoch, its best epoch, and whether its attempts agree."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from attnctl.metrics import deciding
from attnctl.workspace.events import Evaluation

CHOSEN_BY = (*deciding("classify"), *deciding("instance"), *deciding("detect"), *deciding("segment"))
"""The metrics that select the best epoch: the first of these that an evaluation has; higher is better.

Masks come before boxes because networks with masks are evaluated on both.
"""

_MACHINE_METRICS = {"images_per_s"}
"""Metrics of the machine, not of the training: they may differ between attempts."""

Row = tuple[int, str, int, int, int, float]
"""A row of the table `metric`: step, name, attempt, incarnation, epoch, value."""


@dataclass
class Results:
    """The last and the best evaluation so far."""

    epoch: int | None = None
    last: dict[str, float] = field(default_factory=dict)
    best_epoch: int | None = None
    best: dict[str, float] = field(default_factory=dict)

    def add(self, evaluation: Evaluation) -> None:
        """Add one evaluation; a later one of the same epoch replaces it."""
        if self.epoch is None or evaluation.epoch >= self.epoch:
            self.epoch, self.last = evaluation.epoch, evaluation.values
        chosen_by = next((name for name in CHOSEN_BY if name in evaluation.values), None)
        if chosen_by is None:
            return
        # Ties go to the earliest epoch, in whatever order the evaluations are added.
        rank = (evaluation.values[chosen_by], -evaluation.epoch)
        if self.best_epoch is None or rank > (self.best.get(chosen_by, -math.inf), -self.best_epoch):
            self.best_epoch, self.best = evaluation.epoch, evaluation.values


def of_rows(rows: Iterable[Row]) -> Results:
    """The results of a run with several attempts or incarnations. rows: all its rows, ordered by step and token."""
    steps: dict[int, Evaluation] = {}
    for step, name, _, _, epoch, value in rows:  # at equal steps a later token replaces an earlier one
        steps.setdefault(step, Evaluation(step, epoch, {})).values[name] = value
    results = Results()
    for evaluation in steps.values():
        results.add(evaluation)
    return results


def disagreement(rows: Sequence[Row], devices: Mapping[tuple[int, int], str]) -> str | None:
    """A message about the first value in which two CPU attempts differ, where training is deterministic; else None.

    rows: ordered by step and token. devices: the device of each token.
    """
    first_values: dict[tuple[int, str], tuple[float, int, int]] = {}
    for step, name, attempt, incarnation, epoch, value in rows:
        if name in _MACHINE_METRICS or devices.get((attempt, incarnation)) != "cpu":
            continue
        before, first, restart = first_values.setdefault((step, name), (value, attempt, incarnation))
        if before != value:
            return (
                f"attempts {first}.{restart} and {attempt}.{incarnation} disagree: {name} of epoch {epoch} "
                f"is {before!r} and {value!r}"
            )
    return None
