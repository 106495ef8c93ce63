"""Jobs that train several runs at the same time, since one alone would leave most of a GPU idle.

An element of the job array asks for the GPUs of one run, and for the cores and the memory of `runs_per_job` runs. Its
script starts no training, but the supervisor (`attnctl.jobs.packed`), which starts each run as a step of its own.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from attnctl.lifecycle import packing
from attnctl.settings import gpu_request, srun_options
from attnctl.settings.config import AUTO, SlurmOptions
from attnctl.settings.sbatch_options import removed
from attnctl.spec import RunSpec
from attnctl.values import SpecError
from attnctl.workspace.layout import Workspace
from attnctl.workspace.records import Resources


def gpu_type(options: SlurmOptions) -> str:
    """The type of GPU that the settings ask for; empty if any will do."""
    return gpu_request.read(options).kind or ""


def room(workspace: Workspace, options: SlurmOptions, resources: Resources, specs: Iterable[RunSpec]) -> SlurmOptions:
    """The options with a number of runs per GPU: of `auto`, that for which a job of these runs asks for room."""
    if options.runs_per_gpu != AUTO:
        return options
    runs = packing.room(workspace, specs, resources, gpu_type(options))
    if resources.gpus_per_node and options.cpus_per_gpu is None:
        runs = min(runs, packing.FIRST)  # so many share the cores of a GPU that no setting has divided
    return replace(options, runs_per_gpu=runs)


def runs_per_job(options: SlurmOptions, resources: Resources, runs: int, base: str = "") -> int:
    """How many of these runs share a job; 0 if each gets one of its own. base: the run that they wait for.

    options: with a number of runs per GPU. Raises SpecError if the settings ask for what such a job cannot do.
    """
    places = int(options.runs_per_gpu or 1)
    most = min(places, options.parallel or places)
    if most < 2 or runs < 2 or base:  # a run that waits for another one must be able to give its job back
        return 0
    if resources.nodes > 1:
        raise SpecError(
            f"runs_per_gpu is {places}, but only runs on one node share a job, and --nodes is {resources.nodes}"
        )
    if options.command_prefix or srun_options.in_container(options.srun):
        raise SpecError(
            f"runs_per_gpu is {places}, but runs in a container cannot share a job; use --runs-per-gpu 1, or remove "
            "command_prefix and the container from the settings"
        )
    jobs = -(-runs // most)
    return -(-runs // jobs)  # jobs of equal size: with 4, six runs are 3 and 3, not 4 and 2


def shares_devices(options: SlurmOptions, resources: Resources) -> bool:
    """Whether the steps of a job use the same GPUs, or cores that SLURM does not divide among them."""
    return resources.gpus_per_node > 0 or removed(options.extra, "cpus-per-task")
