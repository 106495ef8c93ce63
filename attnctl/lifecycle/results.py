"""What a run's evaluations come to: the last epoch, the best one, and whether its attempts agree."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from attnctl.metrics import deciding
from attnctl.workspace.events import Evaluation

CHOSEN_BY = (*deciding("classify"), *deciding("instance"), *deciding("detect"), *deciding("segment"))
"""The metrics whose highest value makes an epoch the best one: of an evaluation the first that it has.

Masks come before boxes, because networks that give masks are measured by both.
"""

_OF_THE_MACHINE = {"images_per_s"}
"""Metrics that differ between two attempts with no fault."""

Row = tuple[int, str, int, int, int, float]
"""Of the table `metric`: step, name, attempt, incarnation, epoch, value."""


@dataclass
class Results:
    """The last and the best evaluation so far."""

    epoch: int | None = None
    last: dict[str, float] = field(default_factory=dict)
    best_epoch: int | None = None
    best: dict[str, float] = field(default_factory=dict)

    def add(self, evaluation: Evaluation) -> None:
        """Take in one evaluation; a later one of the same epoch replaces it."""
        if self.epoch is None or evaluation.epoch >= self.epoch:
            self.epoch, self.last = evaluation.epoch, evaluation.values
        chosen_by = next((name for name in CHOSEN_BY if name in evaluation.values), None)
        if chosen_by is None:
            return
        # Of equals the first counts, whatever the order in which they come.
        place = (evaluation.values[chosen_by], -evaluation.epoch)
        if self.best_epoch is None or place > (self.best.get(chosen_by, -math.inf), -self.best_epoch):
            self.best_epoch, self.best = evaluation.epoch, evaluation.values


def of_rows(rows: Iterable[Row]) -> Results:
    """The results of a run with several tokens. rows: all of its rows, ordered by step and token."""
    steps: dict[int, Evaluation] = {}
    for step, name, _, _, epoch, value in rows:  # of two tokens at one step the later row replaces the earlier
        steps.setdefault(step, Evaluation(step, epoch, {})).values[name] = value
    results = Results()
    for evaluation in steps.values():
        results.add(evaluation)
    return results


def disagreement(rows: Sequence[Row], devices: Mapping[tuple[int, int], str]) -> str | None:
    """Words for the first value in which two attempts on the CPU differ: there equal steps give equal numbers.

    rows: ordered by step and token. devices: token to the device it ran on.
    """
    seen: dict[tuple[int, str], tuple[float, int, int]] = {}
    for step, name, attempt, incarnation, epoch, value in rows:
        if name in _OF_THE_MACHINE or devices.get((attempt, incarnation)) != "cpu":
            continue
        before, first, restart = seen.setdefault((step, name), (value, attempt, incarnation))
        if before != value:
            return (
                f"attempts {first}.{restart} and {attempt}.{incarnation} disagree: {name} of epoch {epoch} "
                f"is {before!r} and {value!r}"
            )
    return None
