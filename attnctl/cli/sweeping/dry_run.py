"""`sweep --dry-run`: the runs, the exact job script, and the estimated cost."""

from __future__ import annotations

import os
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from attnctl.cli import output
from attnctl.cli.sweeping import data_notes, what_loads
from attnctl.cli.sweeping.cost import SweepCost
from attnctl.cli.sweeping.destination import Destination, class_mismatches, missing_data
from attnctl.cli.sweeping.plan import Planned, in_json, summary
from attnctl.cli.sweeping.queue_notes import not_started_note, time_limit_note
from attnctl.cli.sweeping.selection import Selection
from attnctl.cli.table_layout import Column
from attnctl.grid import effective_hyperparameters, warn_frozen_untrained_norms
from attnctl.lifecycle.base_run import BaseRun
from attnctl.settings import memory_request
from attnctl.settings.config import Config
from attnctl.settings.resource_rules import ResourceRule
from attnctl.spec import RunSpec
from attnctl.units import duration, quantity
from attnctl.workspace.records import Resources

if TYPE_CHECKING:
    from attnctl.networks.weights.planned import Counted

_FED = "are submitted by jobs of this workspace when they end, and by `attnctl feed`"

_COLUMNS = (
    Column("run", optional=True),
    Column("row", wrap=16, drop=1, optional=True),
    Column("module", settings=True, shrink=16, optional=True),
    Column("backbone", once=True, shrink=12, drop=3, optional=True),
    Column("dataset", once=True, drop=4, optional=True),
    Column("seed", once=True, drop=2, optional=True),
    Column("plan", optional=True),
    Column("last seen", free=True, optional=True),
)

_SHAPES = (
    Column("runs"),
    Column("each"),
    Column("nodes", drop=2),
    Column("cores per process", drop=3, wrap=9),
    Column("memory", optional=True),
    Column("time", optional=True),
    Column("partition", optional=True),
    Column("constraint", optional=True),
    Column("runs per GPU", optional=True, drop=1, wrap=8),
    Column("rules", free=True),
)


@dataclass(frozen=True)
class Part:
    """The runs of one shape, with their destination. shared: how many of them share a job; 0: each has its own."""

    destination: Destination
    runs: Sequence[RunSpec]
    shared: int = 0

    @property
    def jobs(self) -> int:
        """The number of jobs that train them."""
        return -(-len(self.runs) // max(1, self.shared))


def parts_of(config: Config, destination: Destination, specs: Sequence[RunSpec], after: str = "") -> list[Part]:
    """The runs by what their jobs ask for. after: the job that they wait for. Raises SpecError.

    It is an error if the settings ask for shared jobs of runs that cannot share one.
    """
    from attnctl.jobs.submission.shared_job import room, runs_per_job

    found = []
    for part, runs in destination.groups(specs):
        shared = 0
        if part.where == "slurm":
            options = room(config.workspace, part.options, part.resources, runs)
            shared = runs_per_job(options, part.resources, len(runs), after)
        found.append(Part(part, runs, shared))
    return found


def show(
    config: Config,
    planned: Sequence[Planned],
    selected: Selection,
    destination: Destination,
    loads: Mapping[str, Counted],
    cost: SweepCost,
    lacking: Sequence[str] = (),
    *,
    as_json: bool,
    base: BaseRun | None = None,
    limit: str = "",
) -> None:
    """Print the plan. Reads the workspace, and writes nothing into it.

    loads: run id -> what loads of its initial weights. lacking: what is said of weights that are not there. base: the
    run that they wait for. limit: a sentence about the time limit.
    """
    start = [item.spec for item in planned if item.action.starts]
    after, hindrance = _job_of_base(destination, base)
    parts = parts_of(config, destination, start, after)
    scripts = _scripts(config, parts, after)
    places = _none_now(len(start), hindrance) if hindrance else _places(config, parts, after)
    idle = _idle_rules(config, destination, planned)
    missing = list(missing_data(config, [item.spec for item in planned]))
    differing = list(class_mismatches(config, [item.spec for item in planned]))
    if as_json:
        output.document(
            _as_json(planned, selected, destination, scripts, cost, loads)
            | {"shapes": shapes_json(parts), "idle_rules": [str(rule) for rule in idle]}
            | {"missing": missing, "class_mismatches": differing, "missing_weights": list(lacking)}
            | {"submitted_now": places.now, "warnings": list(places.warnings)}
        )
        return
    _table(planned, selected)
    cells = _one_of_each_cell(planned)
    for words in dict.fromkeys(words for spec in cells for words in effective_hyperparameters(spec)):
        output.prose(words)
    for words in filter(None, dict.fromkeys(map(warn_frozen_untrained_norms, cells))):
        output.prose(words)
    for words in what_loads.notes([item.spec for item in planned], loads):
        output.prose(words)
    for words in data_notes.notes(config, [item.spec for item in planned]):
        output.prose(words)
    for cell in selected.invalid:
        output.prose(f"skipped: {cell.label}: {cell.reason}")
    for script in scripts:
        output.line()
        output.line(script.rstrip())
    output.line()
    if selected.summary:
        output.prose(selected.summary)
    where = "SLURM" if destination.where == "slurm" else "this machine"
    if have_shapes(parts):
        show_shapes(parts)
        output.prose(f"{summary(planned)}; on {where}, in {quantity(len(scripts), 'job array')}")
    else:
        resources = parts[0].destination.resources if parts else destination.resources
        output.prose(f"{summary(planned)}; each {_machine(resources)}, on {where}")
        if resources.gpus_per_node:
            output.prose(_cores(resources))
    for rule in idle:
        output.prose(f"{rule} in {config.file} matches no run of this sweep")
    if start:
        output.prose(cost.words())
        if source := cost.source_words():
            output.prose(source)
    if limit:
        output.prose(limit)
    for words in missing:
        output.prose(f"missing data: {words}")
    for words in (*differing, *lacking):
        output.prose(words)
    for part in parts:
        if note := time_limit_note(part.destination):
            output.prose(note)
    for words in filter(None, (*places.warnings, places.words)):
        output.prose(words)
    output.line("Dry run: nothing was written.")


def _one_of_each_cell(planned: Sequence[Planned]) -> list[RunSpec]:
    """The first of the runs that differ in nothing but their seed and what of their recipe leaves the norms alone."""
    cells: dict[tuple[Hashable, ...], RunSpec] = {}
    for spec in (item.spec for item in planned):
        network = (spec.module, spec.model, spec.backbone, spec.placement, spec.versions, spec.init)
        cells.setdefault((*network, repr(spec.hyperparameters), spec.recipe.norms), spec)
    return list(cells.values())


def _idle_rules(config: Config, destination: Destination, planned: Sequence[Planned]) -> list[ResourceRule]:
    """The rules that match none of the runs."""
    rules = config.rules_of(destination.options.profile) if destination.where == "slurm" else []
    return [rule for rule in rules if not any(rule.matches(item.spec) for item in planned)]


def _machine(resources: Resources) -> str:
    """Such as `2 processes, 2 GPUs`."""
    gpus = resources.nodes * resources.gpus_per_node
    device = f", {quantity(gpus, 'GPU')}" if gpus else " on the CPU"
    return f"{quantity(resources.world, 'process')}{device}"


def have_shapes(parts: Sequence[Part]) -> bool:
    """Whether rules say what some of the runs ask for, or these ask for different things."""
    return len(parts) > 1 or any(part.destination.options.rules for part in parts)


def show_shapes(parts: Sequence[Part]) -> None:
    """Print what the jobs of the runs ask for: a line for each shape."""
    output.table(_SHAPES, [_shape_row(part) for part in parts])


def shapes_json(parts: Sequence[Part]) -> list[dict[str, Any]]:
    """What the jobs of the runs ask for, as JSON values."""
    return [_shape_json(part) for part in parts]


def _shape_row(part: Part) -> list[str]:
    """The cells of `_SHAPES`."""
    options, resources = part.destination.options, part.destination.resources
    memory = memory_request.per_node(options, resources)
    return [
        str(len(part.runs)),
        _machine(resources),
        str(resources.nodes),
        str(resources.cpus_per_task),
        f"{memory} MB" if memory is not None else "",
        duration(60 * resources.minutes) if resources.minutes is not None else "",
        options.partition or "",
        options.constraint or "",
        str(options.runs_per_gpu or ""),
        "; ".join(options.rules) or "none",
    ]


def _shape_json(part: Part) -> dict[str, Any]:
    options, resources = part.destination.options, part.destination.resources
    return {
        "runs": [spec.id for spec in part.runs],
        "rules": list(options.rules),
        "resources": vars(resources) | {"world": resources.world},
        "partition": options.partition,
        "constraint": options.constraint,
        "memory_mb": memory_request.per_node(options, resources),
        "runs_per_gpu": options.runs_per_gpu,
    }


def _cores(resources: Resources) -> str:
    """What the number of cores means for the loading of images."""
    cores = resources.cpus_per_task
    if cores == 1:
        return "1 core per process: the training process itself reads and decodes the images; set cpus_per_gpu"
    return f"{cores} cores per process: {quantity(cores - 1, 'loader process')} for images that are read from files"


def _table(planned: Sequence[Planned], selected: Selection) -> None:
    """A line for each run; of a paper's table, with its row there."""
    rows = [
        [
            item.spec.id[:8],
            selected.rows.get(item.spec.id, ""),
            item.spec.label(),
            item.spec.network,
            item.spec.dataset,
            str(item.spec.seed),
            str(item.action),
            item.reason,
        ]
        for item in planned
    ]
    output.table(_COLUMNS, rows)


@dataclass(frozen=True)
class _Places:
    """How many of the runs SLURM takes now; None if it was not asked. words: a sentence, empty if it takes all.

    warnings: why jobs that it takes cannot start
    """

    now: int | None = None
    words: str = ""
    warnings: tuple[str, ...] = ()


def _none_now(count: int, reason: str) -> _Places:
    return _Places(0, f"0 of {quantity(count, 'run')} are submitted now: {reason}; all wait, and {_FED}")


def _job_of_base(destination: Destination, base: BaseRun | None) -> tuple[str, str]:
    """The job that the runs wait for, and why they cannot wait for it in the queue; both may be empty."""
    if base is None or destination.where != "slurm":
        return "", ""
    from attnctl.jobs.slurm import configuration
    from attnctl.jobs.submission.array_size import NoPlaceError
    from attnctl.jobs.submission.submit import job_of_base

    cluster = destination.options.target_clusters or os.environ.get("SBATCH_CLUSTERS")
    if not cluster and destination.answering:
        cluster = configuration.limits().cluster
    try:
        return job_of_base(base, cluster), ""
    except NoPlaceError as error:
        return "", str(error)


def _places(config: Config, parts: Sequence[Part], after: str) -> _Places:
    """Ask SLURM, by `sbatch --test-only`, for how many of the runs that start it has a place.

    Limits on submitted jobs count those of all shapes, so that each shape is asked about with the jobs before it.
    """
    count = sum(len(part.runs) for part in parts)
    if not count or parts[0].destination.where != "slurm" or not parts[0].destination.answering:
        return _Places()
    from attnctl.jobs.slurm.commands import SlurmUnavailable
    from attnctl.jobs.submission.array_size import NoPlaceError, SubmitError

    taken = before = 0
    warnings: dict[str, None] = {}
    try:
        for part in parts:
            places, before, warning = _places_of(config, part, after, before)
            taken += places
            if warning:
                warnings[not_started_note(part.destination, warning, part.shared)] = None
    except NoPlaceError as error:
        if not taken:
            return _none_now(count, str(error))
    except (SubmitError, SlurmUnavailable) as error:
        return _Places(None, str(error))
    if taken == count:
        return _Places(count, warnings=tuple(warnings))
    now = f"{taken} of {quantity(count, 'run')} are submitted now, as many as SLURM takes"
    return _Places(taken, f"{now}; {count - taken} wait, and {_FED}", tuple(warnings))


def _places_of(config: Config, part: Part, after: str, before: int) -> tuple[int, int, str]:
    """How many runs of one shape SLURM takes beside so many jobs, the jobs with theirs, and its warning."""
    from attnctl.jobs.submission import array_size
    from attnctl.jobs.submission.reserve import new_tag
    from attnctl.jobs.submission.submit import compose

    tag, options, resources = new_tag(), part.destination.options, part.destination.resources
    jobs = before + part.jobs
    first = min(jobs, _max_array(part.destination))
    found = array_size.find(
        lambda size: compose(config, options, resources, size, tag, after=after, runs_per_job=part.shared), first
    )
    if found.by_array or found.count == first:
        return len(part.runs), jobs, found.warning
    return max(0, found.count - before) * max(1, part.shared), jobs, found.warning


def _scripts(config: Config, parts: Sequence[Part], after: str) -> list[str]:
    """The text of each sbatch script, with an example tag; each submission gets a unique one."""
    return [
        script for part in parts if part.destination.where == "slurm" for script in _scripts_of(config, part, after)
    ]


def _scripts_of(config: Config, part: Part, after: str) -> list[str]:
    from attnctl.jobs.submission.reserve import new_tag
    from attnctl.jobs.submission.submit import compose

    options, resources = part.destination.options, part.destination.resources
    most = _max_array(part.destination) if part.destination.answering else part.jobs
    return [
        compose(
            config, options, resources, min(most, part.jobs - first), new_tag(), after=after, runs_per_job=part.shared
        )
        for first in range(0, part.jobs, most)
    ]


def _max_array(destination: Destination) -> int:
    """The largest array of the cluster that the jobs go to."""
    from attnctl.jobs.slurm import configuration, sbatch

    return configuration.limits(sbatch.target_cluster(destination.options.target_clusters, os.environ)).max_array


def _as_json(
    planned: Sequence[Planned],
    selected: Selection,
    destination: Destination,
    scripts: Sequence[str],
    cost: SweepCost,
    loads: Mapping[str, Counted],
) -> dict[str, Any]:
    runs = [
        in_json(item.spec)
        | {
            "action": str(item.action),
            "state": str(item.verdict.state) if item.verdict is not None else "new",
            "reason": item.verdict.reason if item.verdict is not None else "",
            "tag": None,
            "job_id": None,
            "loads": vars(loads[item.spec.id]) if item.spec.id in loads else None,
        }
        for item in planned
    ]
    return {
        "dry_run": True,
        **selected.document,
        "runs": runs,
        "invalid": [vars(cell) for cell in selected.invalid],
        "where": destination.where,
        "resources": vars(destination.resources) | {"world": destination.resources.world},
        "scripts": list(scripts),
        "cost": cost.in_json(),
    }
