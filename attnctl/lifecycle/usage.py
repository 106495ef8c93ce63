"""What the processes of a run used, from their exit records; of rank 0 also from its log while it trains."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from statistics import fmean

from attnctl.workspace.events import Summary, read_ends
from attnctl.workspace.layout import Attempt, RunDir
from attnctl.workspace.records import Exit


@dataclass(frozen=True, kw_only=True)
class Spread:
    """A value of several processes. mean, most: equal for one process."""

    mean: float
    most: float


@dataclass(frozen=True, kw_only=True)
class Usage:
    """What one start of a run used. None: not known.

    waited: the part of the time in which a process waited for data. cores: that a process kept busy. gpu_busy: the part
    of the training in which a process's GPU computed, for whomever. gpu_total: the bytes of the smallest GPU.
    gpu_joules, cpu_joules: of all its GPUs, and of all its nodes, with what else ran there. unread: counter to the
    reason why it is not known.
    """

    waited: Spread | None = None
    cores: Spread | None = None
    gpu_busy: Spread | None = None
    gpu_total: int | None = None
    gpu_joules: float | None = None
    cpu_joules: float | None = None
    unread: Mapping[str, str] = field(default_factory=dict)

    @property
    def joules(self) -> float | None:
        """Of its GPUs if it has any, else of its nodes' CPUs."""
        return self.cpu_joules if self.gpu_total is None else self.gpu_joules


def of_start(exits: Sequence[Exit], log: Summary) -> Usage:
    """The usage of one start. exits: records of its ranks. log: of rank 0, for one that left no record."""
    ranks = {record.rank: record.used for record in exits if record.used}
    alive = {"waited": log.waited, "cores": log.cores, **log.used}
    if 0 not in ranks and any(value is not None for value in alive.values()):
        ranks[0] = {name: value for name, value in alive.items() if value is not None}
    totals = _values(ranks, "gpu_total")
    return Usage(
        waited=_spread(ranks, "waited"),
        cores=_spread(ranks, "cores"),
        gpu_busy=_spread(ranks, "gpu_busy"),
        gpu_total=int(min(totals)) if totals else None,
        gpu_joules=_sum(_values(ranks, "gpu_joules")),
        cpu_joules=_sum(_values(ranks, "cpu_joules")),
        unread={name: reason for record in exits for name, reason in record.unread.items()},
    )


def of_attempt(attempt: Attempt, logs: Mapping[int, Summary] | None = None) -> list[Usage]:
    """The usage of each start of an attempt, oldest first. logs: those that were read, by the number of the start."""
    return [
        of_start(start.exits(), (logs or {}).get(start.token[1]) or read_ends(start.events))
        for start in attempt.incarnations()
    ]


def joules_of(run: RunDir) -> float | None:
    """The energy of all starts of a run whose energy is known; None if it is of none."""
    starts = [usage for attempt in run.attempts() for usage in of_attempt(attempt)]
    return _sum([usage.joules for usage in starts if usage.joules is not None])


def _values(ranks: Mapping[int, Mapping[str, float]], name: str) -> list[float]:
    found = [used[name] for used in ranks.values() if name in used]
    return [value for value in found if math.isfinite(value) and value >= 0]


def _spread(ranks: Mapping[int, Mapping[str, float]], name: str) -> Spread | None:
    values = _values(ranks, name)
    return Spread(mean=fmean(values), most=max(values)) if values else None


def _sum(values: Sequence[float]) -> float | None:
    return sum(values) if values else None
