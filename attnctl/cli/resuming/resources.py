"""Resources of a resumed run: the last attempt's, overridden by options."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from attnctl.cli.sweeping.destination import Destination, excluding, resolve_run_on, with_options
from attnctl.cli.sweeping.resource_options import ResourceOptions
from attnctl.cli.sweeping.time_limit import proposed
from attnctl.cost import CostModel
from attnctl.lifecycle.resume_policy import Decision
from attnctl.settings.config import AUTO, Config, SlurmOptions
from attnctl.spec import RunSpec
from attnctl.units import parse_time
from attnctl.workspace.records import Request, Resources, Where

if TYPE_CHECKING:
    from attnctl.jobs.slurm.configuration import Partition


def next_destination(
    config: Config,
    request: Request | None,
    spec: RunSpec,
    decision: Decision,
    given: ResourceOptions,
    model: Callable[[], CostModel],
    left: float = 1.0,
) -> Destination:
    """Where the next attempt of a run is submitted. Raises SpecError.

    request: that of its last attempt. model: of what was measured so far, for the limit of `--time auto`. left: the
    part of the training that is left.
    """
    from attnctl.jobs.submission import previous_request

    recorded: Mapping[str, Any] = request.options if request is not None else {}
    options = _options(config, recorded, given, spec)
    default = options.minutes
    previous = previous_request.resources(request) if request is not None else Resources(minutes=default)
    minutes = previous.minutes if _keeps_limit(recorded, given) else default
    if given.time is not None:
        minutes = None if given.time == AUTO else parse_time(given.time)
    resources = replace(previous, minutes=minutes)
    for name in ("nodes", "gpus_per_node", "tasks_per_node", "cpus_per_task"):
        if getattr(given, name) is not None:
            resources = replace(resources, **{name: getattr(given, name)})
    if given.gpus_per_node:
        resources = replace(resources, tasks_per_node=given.gpus_per_node)
    where = _where(config, given, request)
    if decision.world is not None:
        resources = spread(resources, decision.world, options if where == "slurm" else None)
    if decision.memory is not None:
        options = replace(options, mem=f"{decision.memory}M")
    spec.recipe.check_world(resources.world)
    made = excluding(Destination(where=where, resources=resources, options=options), decision.exclude)
    if where == "slurm" and options.auto_time:
        limit = proposed(model(), made, [spec], [left]).minutes
        return replace(made, resources=replace(resources, minutes=limit))
    return made


def spread(resources: Resources, world: int, options: SlurmOptions | None) -> Resources:
    """Resources for `world` processes: on the same number of nodes if their GPUs suffice, else on more nodes.

    options: those for SLURM; None on this machine.
    """
    if resources.gpus_per_node and options is not None:
        most = _most_gpus(options) or resources.gpus_per_node
        each, odd = divmod(world, resources.nodes)
        if odd or each > most:
            each = next(count for count in range(min(most, world), 0, -1) if world % count == 0)
        return replace(resources, nodes=world // each, tasks_per_node=each, gpus_per_node=each)
    gpus = world if resources.gpus_per_node else 0
    return replace(resources, nodes=1, tasks_per_node=world, gpus_per_node=gpus)


def _most_gpus(options: SlurmOptions) -> int:
    """The largest number of GPUs on a node of the partitions; raises SlurmUnavailable."""
    from attnctl.jobs.slurm import sbatch

    return max((row.gpus for row in _chosen_partitions(*sbatch.target(options, os.environ))), default=0)


@functools.cache
def _chosen_partitions(partition: str | None, cluster: str | None) -> list[Partition]:
    """As SLURM lists them; asked once for all runs that are resumed."""
    from attnctl.jobs.slurm import configuration

    return configuration.chosen_partitions(partition, cluster)


def more_time(request: Request, made: Destination) -> bool:
    """Whether the next attempt has a later time limit than the last one had."""
    before = request.resources.get("minutes")
    after = made.resources.minutes
    return isinstance(before, int) and (after is None or after > before)


def _options(config: Config, recorded: Mapping[str, Any], given: ResourceOptions, spec: RunSpec) -> SlurmOptions:
    from attnctl.jobs.submission import previous_request

    if given.profile is not None:
        options = config.for_run(given.profile, spec)
    else:
        options = previous_request.options(config, recorded, spec)
    options = with_options(options, replace(given, time=None))  # the limit is among the resources
    auto = given.time == AUTO
    if given.time is None and not _keeps_limit(recorded, given):
        auto = options.auto_time or (given.profile is None and recorded.get("time") == AUTO)
    return replace(options, time=AUTO if auto else None if options.auto_time else options.time)


def _keeps_limit(recorded: Mapping[str, Any], given: ResourceOptions) -> bool:
    """Whether the command of the last attempt set its time limit, which then stays as it is."""
    explicit = recorded.get("from_command")
    return isinstance(explicit, list) and "minutes" in explicit and given.profile is None


def _where(config: Config, given: ResourceOptions, request: Request | None) -> Where:
    """As --run-on says (`resume` has resolved auto already), else as in the last attempt."""
    if given.run_on == "slurm" or given.run_on == "local":
        return given.run_on
    return request.where if request is not None else resolve_run_on("auto", config.workspace)
