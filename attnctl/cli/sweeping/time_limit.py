"""The time limit that `--time auto` sets, and that is proposed where none is set."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace

from attnctl.cli.sweeping.cost import machine_of
from attnctl.cli.sweeping.destination import Destination
from attnctl.cost import CostModel
from attnctl.cost.time_limit import capped, minutes
from attnctl.spec import RunSpec
from attnctl.units import duration


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
    machine = machine_of(destination)
    estimates = [model.estimate(spec, machine) for spec in runs]
    shares = left or [1.0] * len(runs)
    known = [estimate.high * share for estimate, share in zip(estimates, shares, strict=True) if estimate is not None]
    if not known or len(known) < len(runs):
        return TimeLimit(minutes=None)
    longest = max(known)
    limit, short = capped(minutes(longest), _partition_limits(destination))
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
    """The destination with the limit of `--time auto`, and a sentence about the limit for the user; empty for none."""
    if destination.where != "slurm" or not runs or (destination.options.time and not destination.options.auto_time):
        return destination, ""
    limit = proposed(model, destination, runs)
    if not destination.options.auto_time:
        return destination, f"no time limit is set; --time auto would set {limit.words()}" if limit.minutes else ""
    resources = replace(destination.resources, minutes=limit.minutes)
    return replace(destination, resources=resources), f"time limit: {limit.words()}"
