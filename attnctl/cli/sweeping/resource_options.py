"""The resource options that sweep, try, resume and doctor share."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Annotated, Literal

import typer

from attnctl.cli import completion
from attnctl.settings.config import AUTO, Config
from attnctl.units import parse_memory, parse_time
from attnctl.values import SpecError
from attnctl.workspace.records import Device

RunOn = Literal["auto", "slurm", "local"]

PANEL = "Where it runs"

_PARTITION = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.,+-]{0,199}")
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.@+-]{0,199}", re.ASCII)
_NODES = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.,\[\]-]{0,999}", re.ASCII)
_CONSTRAINT = re.compile(r"[A-Za-z0-9_.:&|,*()\[\]+=-]{1,200}", re.ASCII)


@dataclass(frozen=True, kw_only=True)
class ResourceOptions:
    """The options as typed; None if not given."""

    run_on: Annotated[RunOn | None, typer.Option(help="auto: SLURM if available, else this machine.")] = None
    nodes: Annotated[int | None, typer.Option(help="Number of nodes.", min=1, max=4096)] = None
    gpus_per_node: Annotated[int | None, typer.Option(help="GPUs per node; 0: train on CPUs.", min=0, max=64)] = None
    tasks_per_node: Annotated[int | None, typer.Option(help="Processes per node (CPU training).", min=1, max=1024)] = (
        None
    )
    cpus_per_task: Annotated[int | None, typer.Option(help="CPU cores per process.", min=1, max=1024)] = None
    device: Annotated[Device | None, typer.Option(help="Device to train on (default: auto).")] = None
    time: Annotated[
        str | None,
        typer.Option(
            help="Time limit: minutes, HH:MM:SS, D-HH:MM:SS, or auto (from the estimated cost).", metavar="TIME"
        ),
    ] = None
    mem: Annotated[str | None, typer.Option(help="Memory per node, such as 64G.", metavar="SIZE")] = None
    partition: Annotated[str | None, typer.Option(help="SLURM partition.", metavar="NAME")] = None
    constraint: Annotated[str | None, typer.Option(help="SLURM constraint, such as a100.", metavar="FEATURES")] = None
    account: Annotated[str | None, typer.Option(help="SLURM account.", metavar="NAME")] = None
    qos: Annotated[str | None, typer.Option(help="SLURM quality of service.", metavar="NAME")] = None
    exclude: Annotated[str | None, typer.Option(help="Nodes not to use, such as n1,gpu[3-5].", metavar="NODES")] = None
    profile: Annotated[
        str | None,
        typer.Option(help="A SLURM profile from attnctl.toml.", metavar="NAME", autocompletion=completion.profiles),
    ] = None
    parallel: Annotated[
        int | None, typer.Option(help="Maximum number of runs at the same time.", min=1, max=10_000)
    ] = None

    runs_per_gpu: Annotated[
        str | None,
        typer.Option(
            help="Runs that share a job and its GPUs, or its CPU cores: a number, or auto (measured).", metavar="N|auto"
        ),
    ] = None

    @property
    def together(self) -> int | Literal["auto"] | None:
        """The value of --runs-per-gpu; raises SpecError."""
        if self.runs_per_gpu is None or self.runs_per_gpu == AUTO:
            return self.runs_per_gpu
        if not re.fullmatch("[0-9]{1,2}", self.runs_per_gpu) or not 1 <= int(self.runs_per_gpu) <= 64:
            raise SpecError(f"--runs-per-gpu is {self.runs_per_gpu!r}; it must be a number from 1 to 64, or auto")
        return int(self.runs_per_gpu)

    def check(self, config: Config) -> None:
        """Raise SpecError for an invalid value."""
        if self.partition is not None and not _PARTITION.fullmatch(self.partition):
            raise SpecError(f"--partition is {self.partition!r}; it must be a partition's name, such as gpu")
        if self.constraint is not None and not _CONSTRAINT.fullmatch(self.constraint):
            raise SpecError(
                f"--constraint is {self.constraint!r}; it must be one of the cluster's features, such as a100"
            )
        for name in ("account", "qos"):
            if (value := getattr(self, name)) is not None and not _NAME.fullmatch(value):
                raise SpecError(f"--{name} is {value!r}; it must be a name that the cluster knows, such as my-project")
        if self.exclude is not None and not _NODES.fullmatch(self.exclude):
            raise SpecError(f"--exclude is {self.exclude!r}; it must be a list of nodes, such as n1,gpu[3-5]")
        if self.time not in {None, AUTO}:
            parse_time(str(self.time))
        if self.mem is not None:
            parse_memory(self.mem)
        self.together  # noqa: B018 - raises for an invalid number
        config.profile(self.profile)
        if self.gpus_per_node:
            check_tasks(self.tasks_per_node, self.gpus_per_node)

    @property
    def elsewhere(self) -> bool:
        """Whether an option changes where the run is placed: partition, constraint, profile, GPUs, nodes, --run-on."""
        options = (self.partition, self.constraint, self.profile, self.gpus_per_node, self.nodes, self.run_on)
        return any(value is not None for value in options)


def check_tasks(tasks: int | None, gpus: int) -> None:
    """Raise SpecError if the number of processes per node differs from that of GPUs."""
    if tasks not in {None, gpus}:
        raise SpecError(f"--tasks-per-node {tasks}: a run has one process for each GPU, and --gpus-per-node is {gpus}")
