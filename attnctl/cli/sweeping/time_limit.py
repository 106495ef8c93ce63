"""The time limit that `--time auto` sets, and that is proposed where none is set."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace

from attnctl.cli.sweeping.cost import machine_of
from attnctl.cli.sweeping.destination import Destination
from attnctl.cost import CostModel
from attnctl.cost.time_limit import capped, minutes
from attnctl.settings.job_shape import JobShape
from attnctl.spec import RunSpec
from attnctl.units import duration, plural, quantity


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

    Runs with the same limit and otherwise the same shape share arrays.
    """
    if destination.where != "slurm":
        return destination, ""
    chosen, proposals = [], []
    shapes: dict[str, JobShape] = {}
    for part, members in destination.groups(runs):
        if part.options.time and not part.options.auto_time:
            continue
        found = _by_limit(model, part, members)
        if not part.options.auto_time:
            proposals += found
            continue
        chosen += found
        for limit, limited_runs in found:
            shape = JobShape(replace(part.resources, minutes=limit.minutes), part.options)
            shapes |= {spec.id: shape for spec in limited_runs}
    sentences = []
    if chosen:
        sentences.append(f"{plural(len(chosen), 'time limit')}: {_words(chosen)}")
    if proposals and all(limit.minutes is not None for limit, _ in proposals):
        some = sum(len(members) for _, members in proposals)
        open_ = "no time limit is set" if some == len(runs) else f"{quantity(some, 'run')} without a time limit"
        sentences.append(f"{open_}; --time auto would set {_words(proposals)}")
    if destination.options.auto_time and shapes:
        longest = max(shapes.values(), key=lambda shape: shape.resources.minutes or 0).resources.minutes
        destination = replace(destination, resources=replace(destination.resources, minutes=longest))
    if not destination.shapes and len(chosen) < 2:
        shapes = {}  # the destination itself has the limit of all runs
    return replace(destination, shapes={**destination.shapes, **shapes}), "; ".join(sentences)


def _by_limit(model: CostModel, part: Destination, runs: Sequence[RunSpec]) -> list[tuple[TimeLimit, list[RunSpec]]]:
    """The limits that the runs of one shape may need, each with its runs."""
    partitions = _partition_limits(part)
    needs = {spec.id: _need(model, part, spec) for spec in runs}
    by_minutes: dict[int | None, list[RunSpec]] = {}
    for spec in runs:
        by_minutes.setdefault(_limit([needs[spec.id]], partitions).minutes, []).append(spec)
    return [(_limit([needs[spec.id] for spec in members], partitions), members) for members in by_minutes.values()]


def _words(limits: Sequence[tuple[TimeLimit, Sequence[RunSpec]]]) -> str:
    """The limits from the shortest, each with its number of runs if there are several."""
    if len(limits) == 1:
        return limits[0][0].words()
    ordered = sorted(limits, key=lambda item: item[0].minutes or 0)
    return "; ".join(f"{quantity(len(members), 'run')}: {limit.words()}" for limit, members in ordered)
