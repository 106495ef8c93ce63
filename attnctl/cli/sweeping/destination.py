"""Where a sweep runs, and what each of its runs gets of the machine."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from attnctl import datasets
from attnctl.cli.sweeping.resource_options import ResourceOptions, RunOn, check_tasks
from attnctl.datasets import class_folders
from attnctl.settings.config import Config, SlurmOptions
from attnctl.spec import RunSpec
from attnctl.units import parse_time
from attnctl.values import SpecError, comma_join
from attnctl.workspace.records import Resources, Where


@dataclass(frozen=True, kw_only=True)
class Destination:
    """Where runs of one submission go, and what each of them gets there."""

    where: Where
    options: SlurmOptions
    resources: Resources

    @property
    def key(self) -> str:
        """Equal for equal destinations."""
        return repr((self.where, self.resources, self.options))


def destination(config: Config, asked: ResourceOptions) -> Destination:
    """Decide; raises SpecError, also when there is a SLURM that does not answer."""
    asked.check(config)
    options = with_options(config.profile(asked.profile), asked)
    chosen = where(asked.run_on or _standing_run_on(config))
    gpus = _gpus(chosen, asked, options)
    if gpus:
        check_tasks(asked.tasks_per_node, gpus)
    resources = Resources(
        nodes=asked.nodes or 1,
        tasks_per_node=gpus or asked.tasks_per_node or 1,
        gpus_per_node=gpus,
        cpus_per_task=asked.cpus_per_task or (options.cpus_per_gpu if gpus and options.cpus_per_gpu else 1),
        minutes=parse_time(options.time) if options.time is not None else None,
        device=asked.device or "auto",
    )
    if chosen == "local" and resources.nodes > 1:
        raise SpecError(f"--nodes {resources.nodes} needs SLURM; here a run has this one machine (--tasks-per-node)")
    return Destination(where=chosen, options=options, resources=resources)


def with_options(options: SlurmOptions, asked: ResourceOptions) -> SlurmOptions:
    """The settings for SLURM, overridden by the options of the command."""
    named = {name: getattr(asked, name) for name in ("time", "mem", "partition", "constraint", "parallel")}
    return replace(options, **{name: value for name, value in named.items() if value is not None})


def check(config: Config, specs: Sequence[RunSpec], resources: Resources) -> None:
    """Raise SpecError when the world does not fit a run, or a data set lacks files or has different classes in its
    parts."""
    check_world(specs, resources)
    for words in (*missing_data(config, specs), *class_mismatches(config, specs)):
        raise SpecError(words)


def check_world(specs: Sequence[RunSpec], resources: Resources) -> None:
    """Raise SpecError when so many processes cannot share the batch of a run."""
    for recipe in dict.fromkeys(spec.recipe for spec in specs):
        recipe.check_world(resources.world)


def missing_data(config: Config, specs: Sequence[RunSpec]) -> Iterator[str]:
    """In words, the files that are missing of each data set of the runs."""
    for name in dict.fromkeys(spec.dataset for spec in specs):
        described = datasets.describe(name)
        folder = config.data.folder(name)
        missing = datasets.missing_files(described, folder)
        if missing:
            fetch = f"; `attnctl data fetch {name}` downloads it" if described.url else ""
            yield f"{name} is not whole in {folder}: {comma_join(missing)} missing{fetch}"


def class_mismatches(config: Config, specs: Sequence[RunSpec]) -> Iterator[str]:
    """An error message for each data set of the runs whose class folders differ in train/ and val/."""
    for name in dict.fromkeys(spec.dataset for spec in specs):
        if words := class_folders.mismatch(datasets.describe(name), config.data.folder(name)):
            yield words


def _standing_run_on(config: Config) -> RunOn:
    value = config.defaults.get("run_on", "auto")
    for choice in ("auto", "slurm", "local"):
        if value == choice:
            return choice
    raise SpecError(f"{config.file}: run_on in [defaults] is {value!r}; it must be one of auto, slurm, local")


def where(run_on: RunOn | str) -> Where:
    """auto is SLURM when this machine has it: one that does not answer is an error, never a training here."""
    if run_on == "local":
        return "local"
    from attnctl.jobs.slurm import queries

    if not queries.available():
        if run_on == "slurm":
            raise SpecError(
                "SLURM was not found: sbatch is not on the PATH; use --run-on local to train on this machine"
            )
        return "local"
    try:
        queries.ping()
    except SpecError as error:
        raise SpecError(f"{error}; use --run-on local to train on this machine") from error
    return "slurm"


def _gpus(where: Where, asked: ResourceOptions, options: SlurmOptions) -> int:
    """GPUs of each node: as asked for, else one when there are any."""
    if asked.device == "cpu":
        if asked.gpus_per_node:
            raise SpecError(f"--device cpu and --gpus-per-node {asked.gpus_per_node} contradict each other")
        return 0
    said = (
        asked.gpus_per_node if asked.gpus_per_node is not None else options.gpus_per_node if where == "slurm" else None
    )
    if said is None and where == "slurm":
        from attnctl.jobs.slurm import queries

        said = queries.default_gpus(options.partition)
    if said is None:
        from attnctl.jobs.local import gpu_slots

        said = min(1, len(gpu_slots.gpus()))
    if asked.device == "cuda" and not said:
        raise SpecError("--device cuda, but there are no GPUs; on SLURM request them with --gpus-per-node")
    return said
