"""`sweep --dry-run`: the runs, the exact job script, and the estimated cost."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from attnctl.cli import output
from attnctl.cli.sweeping import data_notes, what_loads
from attnctl.cli.sweeping.cost import SweepCost
from attnctl.cli.sweeping.destination import Destination, class_mismatches, missing_data
from attnctl.cli.sweeping.plan import Planned, in_json, summary
from attnctl.cli.sweeping.queue_notes import time_limit_note
from attnctl.cli.sweeping.selection import Selection
from attnctl.cli.table_layout import Column
from attnctl.grid import effective_hyperparameters, warn_frozen_untrained_norms
from attnctl.lifecycle.base_run import BaseRun
from attnctl.settings.config import Config
from attnctl.spec import RunSpec
from attnctl.units import quantity
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
    scripts = _scripts(config, destination, start, after)
    places = _none_now(len(start), hindrance) if hindrance else _places(config, destination, len(start), after)
    missing = list(missing_data(config, [item.spec for item in planned]))
    differing = list(class_mismatches(config, [item.spec for item in planned]))
    if as_json:
        output.document(
            _as_json(planned, selected, destination, scripts, cost, loads)
            | {"missing": missing, "class_mismatches": differing, "missing_weights": list(lacking)}
            | {"submitted_now": places.now}
        )
        return
    _table(planned, selected)
    for words in dict.fromkeys(words for item in planned for words in effective_hyperparameters(item.spec)):
        output.prose(words)
    for words in filter(None, dict.fromkeys(warn_frozen_untrained_norms(item.spec) for item in planned)):
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
    resources = destination.resources
    each, gpus = quantity(resources.world, "process"), resources.nodes * resources.gpus_per_node
    device = f", {quantity(gpus, 'GPU')}" if gpus else " on the CPU"
    if selected.summary:
        output.prose(selected.summary)
    output.prose(
        f"{summary(planned)}; each {each}{device}, on {'SLURM' if destination.where == 'slurm' else 'this machine'}"
    )
    if gpus:
        output.prose(_cores(resources))
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
    if start and (note := time_limit_note(destination)):
        output.prose(note)
    if places.words:
        output.prose(places.words)
    output.line("Dry run: nothing was written.")


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
    """How many of the runs SLURM takes now; None if it was not asked. words: a sentence, empty if it takes all."""

    now: int | None = None
    words: str = ""


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


def _places(config: Config, destination: Destination, count: int, after: str) -> _Places:
    """Ask SLURM, by `sbatch --test-only`, for how many of the runs that start it has a place."""
    if destination.where != "slurm" or not count or not destination.answering:
        return _Places()
    from attnctl.jobs.slurm.commands import SlurmUnavailable
    from attnctl.jobs.submission import array_size
    from attnctl.jobs.submission.reserve import new_tag
    from attnctl.jobs.submission.shared_job import runs_per_job
    from attnctl.jobs.submission.submit import compose

    tag = new_tag()
    shared = runs_per_job(destination.options, destination.resources, count, after)
    each = max(1, shared)
    first = min(-(-count // each), _max_array(destination))
    try:
        found = array_size.find(
            lambda size: compose(
                config, destination.options, destination.resources, size, tag, after=after, runs_per_job=shared
            ),
            first,
        )
    except array_size.NoPlaceError as error:
        return _none_now(count, str(error))
    except (array_size.SubmitError, SlurmUnavailable) as error:
        return _Places(None, str(error))
    if found.by_array or found.count == first:
        return _Places(count)
    taken = found.count * each
    now = f"{taken} of {quantity(count, 'run')} are submitted now, as many as SLURM takes"
    return _Places(taken, f"{now}; {count - taken} wait, and {_FED}")


def _scripts(config: Config, destination: Destination, start: Sequence[RunSpec], after: str) -> list[str]:
    """The text of each sbatch script, with an example tag; each submission gets a unique one."""
    if destination.where != "slurm" or not start:
        return []
    from attnctl.jobs.submission.reserve import new_tag
    from attnctl.jobs.submission.shared_job import runs_per_job
    from attnctl.jobs.submission.submit import compose

    most = _max_array(destination) if destination.answering else len(start)
    counts = Counter(destination.limits.get(spec.id, destination.resources.minutes) for spec in start)
    shared = {
        limit: runs_per_job(destination.options, destination.resources, count, after) for limit, count in counts.items()
    }
    elements = {limit: -(-count // max(1, shared[limit])) for limit, count in counts.items()}
    return [
        compose(
            config,
            destination.options,
            replace(destination.resources, minutes=limit),
            min(most, count - first),
            new_tag(),
            after=after,
            runs_per_job=shared[limit],
        )
        for limit, count in elements.items()
        for first in range(0, count, most)
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
