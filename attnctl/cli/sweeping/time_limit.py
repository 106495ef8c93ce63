"""The time limit that `--time auto` sets, and that is proposed where none is set."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from attnctl.cli.sweeping.cost import machine_of
from attnctl.cli.sweeping.destination import Destination
from attnctl.cost import CostModel
from attnctl.cost.time_limit import capped, minutes
from attnctl.spec import RunSpec
from attnctl.units import duration, quantity


@dataclass(frozen=True, kw_only=True)
class TimeLimit:
    """A limit for the jobs of some runs. minutes: None if a run has no estimate. short: the partition allows less."""

    minutes: int | None
    longest: float = 0.0
    """The longest run, in seconds: the high end of its estimate."""
    short: bool = False

    def words(self) -> str:
        """What the limit follows from."""
        if self.minutes is None:
            return "a run has no estimate, so that its time limit is the cluster's default; `attnctl try` measures it"
        limit = duration(60 * self.minutes)
        if self.short:
            return (
                f"{limit}, the longest that the partition allows: a run may need {duration(self.longest)}, and then "
                "continues in further jobs"
            )
        return f"{limit}, as the longest run may need {duration(self.longest)}"


def proposed(
    model: CostModel, destination: Destination, runs: Sequence[RunSpec], left: Sequence[float] = ()
) -> TimeLimit:
    """The limit for these runs. left: the part of each that is not trained yet; 1 by default."""
    shares = left or [1.0] * len(runs)
    needs = [_need(model, destination, spec, share) for spec, share in zip(runs, shares, strict=True)]
    return _limit(needs, _partition_limits(destination))


def _need(model: CostModel, destination: Destination, run: RunSpec, share: float = 1.0) -> float | None:
    """The seconds that a run may need; None without an estimate."""
    estimate = model.estimate(run, machine_of(destination))
    return estimate.high * share if estimate is not None else None


def _limit(needs: Sequence[float | None], partitions: Sequence[int | None]) -> TimeLimit:
    known = [need for need in needs if need is not None]
    if not known or len(known) < len(needs):
        return TimeLimit(minutes=None)
    longest = max(known)
    limit, short = capped(minutes(longest), partitions)
    return TimeLimit(minutes=limit, longest=longest, short=short)


def _partition_limits(destination: Destination) -> list[int | None]:
    """The limits of the partitions that the jobs may go to; empty if SLURM does not say."""
    if destination.where != "slurm" or not destination.answering:
        return []
    from attnctl.jobs.slurm import configuration, sbatch
    from attnctl.jobs.slurm.commands import SlurmUnavailable

    try:
        rows = configuration.chosen_partitions(*sbatch.target(destination.options, os.environ))
    except SlurmUnavailable:
        return []
    return [None if row.minutes is None else int(row.minutes) for row in rows]


def limited(model: CostModel, destination: Destination, runs: Sequence[RunSpec]) -> tuple[Destination, str]:
    """The destination with the limits of `--time auto`, and a sentence about them for the user; empty for none.

    Runs with the same limit share arrays.
    """
    if destination.where != "slurm" or not runs or (destination.options.time and not destination.options.auto_time):
        return destination, ""
    partitions = _partition_limits(destination)
    needs = {spec.id: _need(model, destination, spec) for spec in runs}
    limits = {run: _limit([need], partitions).minutes for run, need in needs.items()}
    together = {
        value: _limit([needs[run] for run in limits if limits[run] == value], partitions) for value in limits.values()
    }
    words = _words(together, limits)
    if not destination.options.auto_time:
        return destination, "" if None in together else f"no time limit is set; --time auto would set {words}"
    longest = _limit([*needs.values()], partitions).minutes
    resources = replace(destination.resources, minutes=longest)
    several = len(together) > 1
    made = replace(destination, resources=resources, limits=limits if several else {})
    return made, f"{'time limits' if several else 'time limit'}: {words}"


def _words(together: Mapping[int | None, TimeLimit], limits: Mapping[str, int | None]) -> str:
    """The limits from the shortest, each with its number of runs if there are several. limits: by run."""
    if len(together) == 1:
        return next(iter(together.values())).words()
    parts = []
    for value in sorted(together, key=lambda value: value or 0):
        count = quantity(sum(limit == value for limit in limits.values()), "run")
        parts.append(f"{count}: {together[value].words()}")
    return "; ".join(parts)
