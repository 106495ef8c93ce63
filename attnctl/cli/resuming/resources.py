"""What a run that goes on gets of the machine: what its last attempt had, or what is said now."""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from attnctl.cli.sweeping.destination import check_partition, where
from attnctl.lifecycle.resume_policy import Decision
from attnctl.settings.config import Config, SlurmOptions
from attnctl.spec import RunSpec
from attnctl.units import parse_memory, parse_time
from attnctl.values import SpecError
from attnctl.workspace.records import Request, Resources, Where

_CONSTRAINT = re.compile(r"[A-Za-z0-9_.:&|,*()\[\]+=-]{1,200}", re.ASCII)


@dataclass(frozen=True, kw_only=True)
class Given:
    """The options about the machine, as typed; None is what was not said."""

    run_on: Where | None = None
    nodes: int | None = None
    gpus_per_node: int | None = None
    tasks_per_node: int | None = None
    cpus_per_task: int | None = None
    time: str | None = None
    mem: str | None = None
    partition: str | None = None
    constraint: str | None = None
    profile: str | None = None
    parallel: int | None = None

    def check(self, config: Config) -> None:
        """Raise SpecError for what cannot be."""
        if self.partition is not None:
            check_partition(self.partition)
        if self.constraint is not None and not _CONSTRAINT.fullmatch(self.constraint):
            raise SpecError(
                f"--constraint is {self.constraint!r}; it must be one of the cluster's features, such as a100"
            )
        if self.time is not None:
            parse_time(self.time)
        if self.mem is not None:
            parse_memory(self.mem)
        config.profile(self.profile)
        if self.gpus_per_node and self.tasks_per_node not in {None, self.gpus_per_node}:
            raise SpecError(f"--tasks-per-node {self.tasks_per_node}: a run has one process for each GPU")

    @property
    def place(self) -> bool:
        """Another place, or another number of GPUs, was named."""
        named = (self.partition, self.constraint, self.profile, self.gpus_per_node, self.nodes, self.run_on)
        return any(value is not None for value in named)


@dataclass(frozen=True, kw_only=True)
class Shape:
    """What runs of one submission have in common."""

    where: Where
    resources: Resources
    options: SlurmOptions

    @property
    def key(self) -> str:
        """Equal for equal shapes."""
        return repr((self.where, self.resources, self.options))


def shape(config: Config, request: Request | None, spec: RunSpec, decision: Decision, given: Given) -> Shape:
    """The shape of a run's next attempt. request: of its last one. Raises SpecError."""
    from attnctl.jobs.submission import previous_request

    asked: Mapping[str, Any] = request.options if request is not None else {}
    options = _options(config, asked, given)
    usual = parse_time(options.time) if options.time is not None else None
    had = previous_request.resources(request) if request is not None else Resources(minutes=usual)
    said = asked.get("said")
    minutes = had.minutes if isinstance(said, list) and "minutes" in said and given.profile is None else usual
    if given.time is not None:
        minutes = parse_time(given.time)
    resources = replace(had, minutes=minutes)
    for name in ("nodes", "gpus_per_node", "tasks_per_node", "cpus_per_task"):
        if getattr(given, name) is not None:
            resources = replace(resources, **{name: getattr(given, name)})
    if given.gpus_per_node:
        resources = replace(resources, tasks_per_node=given.gpus_per_node)
    place: Where = given.run_on or (request.where if request is not None else where("auto"))
    if decision.world is not None:
        resources = spread(resources, decision.world, options.partition if place == "slurm" else None, place)
    if decision.memory is not None:
        options = replace(options, mem=f"{decision.memory}M")
    if decision.exclude is not None:
        options = replace(options, exclude=",".join(filter(None, (options.exclude, decision.exclude))))
    spec.recipe.check_world(resources.world)
    return Shape(where=place, resources=resources, options=options)


def spread(resources: Resources, world: int, partition: str | None, place: Where) -> Resources:
    """So many processes: on the nodes there are while these have the GPUs, else on more nodes."""
    if resources.gpus_per_node and place == "slurm":
        most = _most_gpus(partition) or resources.gpus_per_node
        each, odd = divmod(world, resources.nodes)
        if odd or each > most:
            each = next(count for count in range(min(most, world), 0, -1) if world % count == 0)
        return replace(resources, nodes=world // each, tasks_per_node=each, gpus_per_node=each)
    gpus = world if resources.gpus_per_node else 0
    return replace(resources, nodes=1, tasks_per_node=world, gpus_per_node=gpus)


@functools.cache
def _most_gpus(partition: str | None) -> int:
    """GPUs of the partition's node that has most; raises SlurmUnavailable."""
    from attnctl.jobs.slurm import queries

    there = [row for row in queries.partitions() if (row.name == partition if partition else row.default)]
    return max((row.gpus for row in there), default=0)


def more_time(request: Request, made: Shape) -> bool:
    """Whether the next attempt has a later time limit than the last one had."""
    before = request.resources.get("minutes")
    after = made.resources.minutes
    return isinstance(before, int) and (after is None or after > before)


def _options(config: Config, asked: Mapping[str, Any], given: Given) -> SlurmOptions:
    from attnctl.jobs.submission import previous_request

    options = config.profile(given.profile) if given.profile is not None else previous_request.options(config, asked)
    named = {name: getattr(given, name) for name in ("mem", "partition", "constraint", "parallel")}
    return replace(options, **{name: value for name, value in named.items() if value is not None})
