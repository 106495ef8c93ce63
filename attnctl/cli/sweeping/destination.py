"""Where a sweep runs, and the resources of each of its runs."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from attnctl import datasets, models
from attnctl.cli import output
from attnctl.cli.sweeping.resource_options import ResourceOptions, RunOn, check_tasks
from attnctl.datasets import class_folders, own
from attnctl.lifecycle import packing
from attnctl.settings import gpu_request
from attnctl.settings.config import AUTO, Config, SlurmOptions
from attnctl.settings.job_shape import JobShape, grouped
from attnctl.spec import RunSpec
from attnctl.values import SpecError, comma_join
from attnctl.workspace import submissions
from attnctl.workspace.layout import Workspace
from attnctl.workspace.records import Resources, Where

_OF_COMMAND = ("time", "mem", "partition", "constraint", "account", "qos", "exclude", "parallel")
"""The settings that options of the same name override."""


@dataclass(frozen=True, kw_only=True)
class Destination:
    """Where the runs of one command go, and the resources of each. answering: SLURM answered when it was asked.

    shapes: run id -> what its job asks for, where that differs from these options and resources.
    """

    where: Where
    options: SlurmOptions
    resources: Resources
    answering: bool = True
    shapes: Mapping[str, JobShape] = field(default_factory=dict)

    @property
    def key(self) -> str:
        """Equal for equal destinations."""
        return repr((self.where, self.resources, self.options))

    def shape_of(self, spec: RunSpec) -> JobShape:
        """What the job of a run asks for."""
        return self.shapes.get(spec.id) or JobShape(self.resources, self.options)

    def groups(self, specs: Iterable[RunSpec]) -> list[tuple[Destination, list[RunSpec]]]:
        """The runs of each shape, with a destination that is theirs alone."""
        parts = grouped(specs, self.shapes, JobShape(self.resources, self.options))
        return [
            (replace(self, resources=shape.resources, options=shape.options, shapes={}), members)
            for shape, members in parts
        ]


def choose_destination(config: Config, asked: ResourceOptions, *, answering: bool = True) -> Destination:
    """The destination from options and settings; raises SpecError, and SlurmUnavailable when SLURM does not answer.

    answering: whether SLURM is asked; if it is not, no GPUs are assumed where neither options nor settings say.
    """
    asked.check(config)
    where = resolve_run_on(asked.run_on or _default_run_on(config), config.workspace, answering=answering)
    shape = _shape(where, asked, config.profile(asked.profile), answering=answering)
    if where == "local" and shape.resources.nodes > 1:
        raise SpecError(f"--nodes {shape.resources.nodes} needs SLURM; on this machine use --tasks-per-node")
    return Destination(where=where, options=shape.options, resources=shape.resources, answering=answering)


def by_rules(config: Config, asked: ResourceOptions, destination: Destination, specs: Sequence[RunSpec]) -> Destination:
    """The same destination, with what `[[slurm.rules]]` say of these runs. Raises SpecError and SlurmUnavailable.

    The order is: the settings, a profile, the rules, the options of the command; what comes later overrides.
    """
    if destination.where == "local":
        return destination
    rules = config.rules_of(asked.profile)
    by_number: dict[tuple[int, ...], JobShape] = {}
    shapes: dict[str, JobShape] = {}
    for spec in specs:
        numbers = tuple(number for number, rule in enumerate(rules) if rule.matches(spec))
        if numbers and numbers not in by_number:
            options = config.with_rules(asked.profile, [rules[number] for number in numbers])
            by_number[numbers] = _shape(destination.where, asked, options, answering=destination.answering)
        if numbers:
            shapes[spec.id] = by_number[numbers]
    return replace(destination, shapes={**destination.shapes, **shapes})


def _shape(where: Where, asked: ResourceOptions, settings: SlurmOptions, *, answering: bool) -> JobShape:
    """What the options of the command make of the settings."""
    options = with_options(settings, asked)
    if where == "slurm" and answering:
        check_partition(options)
    gpus = _gpus(where, asked, options, answering=answering)
    if gpus:
        check_tasks(asked.tasks_per_node, gpus)
    resources = Resources(
        nodes=asked.nodes or (options.nodes if where == "slurm" else None) or 1,
        tasks_per_node=gpus or asked.tasks_per_node or 1,
        gpus_per_node=gpus,
        cpus_per_task=asked.cpus_per_task or (_cpus_per_gpu(where, options, gpus, answering=answering) if gpus else 1),
        minutes=options.minutes,
        device=asked.device or "auto",
    )
    return JobShape(resources, options)


def planned_destination(config: Config, asked: ResourceOptions, specs: Sequence[RunSpec]) -> Destination:
    """Where these runs would go, and the resources of each; raises SpecError if the processes do not fit a run."""
    destination = by_rules(config, asked, destination_if_possible(config, asked), specs)
    check_world(specs, destination)
    return destination


def destination_if_possible(config: Config, asked: ResourceOptions) -> Destination:
    """The destination; if SLURM does not answer, what is known of it without SLURM."""
    from attnctl.jobs.slurm.commands import SlurmUnavailable

    try:
        return choose_destination(config, asked)
    except SlurmUnavailable as error:
        output.note(str(error))
        output.note(
            "this plan is for SLURM, without the cluster's limits, and with GPUs only where --gpus-per-node or "
            "the settings ask for them"
        )
        return choose_destination(config, asked, answering=False)


def check_partition(options: SlurmOptions) -> None:
    """Raise SpecError for a partition that the cluster neither lists nor accepts, and SlurmUnavailable.

    Of several clusters, SLURM chooses one that has the partition.
    """
    from attnctl.jobs.slurm import configuration, sbatch

    partition, cluster = sbatch.target(options, os.environ)
    clusters = options.target_clusters or os.environ.get("SBATCH_CLUSTERS") or ""
    if partition and "," not in clusters:
        missing = configuration.missing_partition(partition, cluster)
        if missing and sbatch.rejects_partition(partition, cluster):
            raise SpecError(missing)


def with_options(options: SlurmOptions, asked: ResourceOptions) -> SlurmOptions:
    """The settings for SLURM, overridden by the options of the command."""
    named = {name: getattr(asked, name) for name in _OF_COMMAND} | {"runs_per_gpu": asked.together}
    return replace(options, **{name: value for name, value in named.items() if value is not None})


def excluding(destination: Destination, nodes: Sequence[str]) -> Destination:
    """The same destination without these nodes of the cluster."""
    if not nodes or destination.where == "local":
        return destination
    options = _excluding(destination.options, nodes)
    distinct = {shape.key: shape for shape in destination.shapes.values()}
    changed = {key: replace(shape, options=_excluding(shape.options, nodes)) for key, shape in distinct.items()}
    shapes = {run: changed[shape.key] for run, shape in destination.shapes.items()}
    return replace(destination, options=options, shapes=shapes)


def _excluding(options: SlurmOptions, nodes: Sequence[str]) -> SlurmOptions:
    return replace(options, exclude=",".join(filter(None, (options.exclude, *nodes))))


def check(config: Config, specs: Sequence[RunSpec], destination: Destination) -> None:
    """Raise SpecError when the world does not fit a run, or a data set lacks files or has different classes in its
    parts."""
    check_world(specs, destination)
    for words in (*missing_data(config, specs), *class_mismatches(config, specs)):
        raise SpecError(words)


def check_world(specs: Sequence[RunSpec], destination: Destination) -> None:
    """Raise SpecError if the processes cannot share the batch of a run evenly."""
    worlds = [(spec.recipe, destination.shape_of(spec).resources.world) for spec in specs]
    for recipe, world in dict.fromkeys(worlds):
        recipe.check_world(world)


def missing_data(config: Config, specs: Sequence[RunSpec]) -> Iterator[str]:
    """An error message for each data set of the runs that lacks files, and for a user's own that has changed."""
    for name in dict.fromkeys(spec.dataset for spec in specs):
        described = datasets.describe(name)
        folder = config.data.folder(name)
        missing = datasets.missing_files(described, folder)
        if missing:
            fetch = f"; run `attnctl data fetch {name}`" if described.can_be_fetched else ""
            yield f"{name} is incomplete in {folder}: missing {comma_join(missing)}{fetch}"
        elif described.is_own and (words := own.changes(described, folder, config.data.signature(name))):
            yield words
        yield from _missing_maps(described, folder, [spec.model for spec in specs if spec.dataset == name])


def _missing_maps(dataset: datasets.Dataset, folder: Path | None, used: Sequence[str]) -> Iterator[str]:
    """An error message for class maps that a model trains with and that are not there. used: the models of the runs."""
    training = [name for name in dict.fromkeys(used) if name and models.describe(name).maps]
    if not training or folder is None:
        return
    for archive in dataset.map_archives:
        if not (folder / archive.gives).is_dir():
            yield (
                f"{dataset.name} lacks the class maps that {comma_join(training)} trains with: missing "
                f"{archive.gives} in {folder}; run `attnctl data fetch {dataset.name} --maps`"
            )


def class_mismatches(config: Config, specs: Sequence[RunSpec]) -> Iterator[str]:
    """An error message for each data set of the runs whose class folders differ in train/ and val/."""
    for name in dict.fromkeys(spec.dataset for spec in specs):
        if words := class_folders.mismatch(datasets.describe(name), config.data.folder(name)):
            yield words


def _default_run_on(config: Config) -> RunOn:
    value = config.defaults.get("run_on", "auto")
    for choice in ("auto", "slurm", "local"):
        if value == choice:
            return choice
    raise SpecError(f"{config.file}: run_on in [defaults] is {value!r}; it must be one of auto, slurm, local")


def resolve_run_on(run_on: RunOn | str, workspace: Workspace, *, answering: bool = True) -> Where:
    """Resolve auto: SLURM if this machine has it. Nothing trains here by mistake.

    Raises SpecError if the workspace has runs on SLURM but this machine has no sbatch, and SlurmUnavailable if SLURM
    does not answer. answering: whether it is asked.
    """
    if run_on == "local":
        return "local"
    from attnctl.jobs.slurm import configuration
    from attnctl.jobs.slurm.commands import SlurmUnavailable

    local = "use --run-on local to train on this machine"
    if not configuration.available():
        if run_on == "slurm":
            raise SpecError(f"SLURM was not found: sbatch is not on the PATH; {local}")
        if any(head.on_slurm for head in submissions.heads(workspace)):
            raise SpecError(
                "this workspace has runs on SLURM, but sbatch is not on the PATH: log in to a machine that has it, or "
                + local
            )
        return "local"
    if answering:
        try:
            configuration.ping()
        except SlurmUnavailable as error:
            raise SlurmUnavailable(f"{error}; {local}") from error
    return "slurm"


def _gpus(where: Where, asked: ResourceOptions, options: SlurmOptions, *, answering: bool) -> int:
    """GPUs per node: as requested, else one if there are any. answering: whether SLURM is asked."""
    if asked.device == "cpu":
        if asked.gpus_per_node:
            raise SpecError(f"--device cpu and --gpus-per-node {asked.gpus_per_node} contradict each other")
        return 0
    requested = asked.gpus_per_node
    if requested is None and where == "slurm":
        requested = _gpus_on_slurm(asked, options, answering=answering)
    if requested is None:
        from attnctl.jobs.local import gpu_slots

        requested = min(1, len(gpu_slots.gpus()))
    if asked.device == "cuda" and not requested:
        raise SpecError("--device cuda, but there are no GPUs; on SLURM request them with --gpus-per-node")
    return requested


def _cpus_per_gpu(where: Where, options: SlurmOptions, gpus: int, *, answering: bool) -> int:
    """Cores for each process as in the settings, else the GPU's share of its node: one core decodes too slowly.

    Runs that share a GPU divide its share: a job asks for the cores of all of them.
    """
    if options.cpus_per_gpu:
        return options.cpus_per_gpu
    if where == "local":
        from attnctl.jobs.local import gpu_slots

        return max(1, gpu_slots.cores() // max(1, len(gpu_slots.gpus())))
    if not answering:
        return 1
    from attnctl.jobs.slurm import nodes, sbatch

    partition, cluster = sbatch.target(options, os.environ)
    share = nodes.cpus_per_gpu(partition, gpus, gpu_request.read(options).kind, options.constraint, cluster)
    together = packing.FIRST if options.runs_per_gpu == AUTO else options.runs_per_gpu or 1
    return max(1, share // together)


def _gpus_on_slurm(asked: ResourceOptions, options: SlurmOptions, *, answering: bool) -> int:
    """GPUs per node as in the settings, else one if the partition has any, or if SLURM cannot be asked none."""
    request = gpu_request.read(options, asked.nodes or options.nodes or 1)
    if request.option == "gpus-per-task" and asked.tasks_per_node is not None:
        return asked.tasks_per_node
    if request.per_node is not None:
        return request.per_node
    if request.option is None and asked.device == "cuda":  # SLURM does not know how many GPUs the nodes have
        return asked.tasks_per_node or 1
    if not answering:
        return 0
    from attnctl.jobs.slurm import configuration, sbatch

    gpus = configuration.default_gpus(*sbatch.target(options, os.environ))
    if not gpus and asked.device == "cuda":
        raise SpecError(
            "--device cuda, but SLURM knows of no GPUs in this partition; name another --partition, or, if its nodes "
            "have GPUs that SLURM does not manage, set gpus-per-node = false in [slurm.extra]"
        )
    return gpus
