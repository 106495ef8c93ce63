"""How a job asks SLURM for memory: by --mem, or by --mem-per-cpu or --mem-per-gpu where [slurm.extra] has one of them.

sbatch(1) refuses more than one of them, so a run that gets more memory gets it by the same option.
"""

from __future__ import annotations

from attnctl.settings.config import SlurmOptions
from attnctl.settings.sbatch_options import MEMORY, given
from attnctl.units import parse_memory
from attnctl.workspace.records import Resources

RESERVE = 256
"""MB that a job which runs share asks for besides, for its script and the processes that start the runs."""


def options(settings: SlurmOptions, resources: Resources, runs_per_job: int = 0) -> dict[str, str]:
    """The one option of a script with these resources; none if neither the settings nor the command say.

    runs_per_job: how many runs share the job, 0 if it has one. They share its GPUs, but each has its own cores.
    """
    name = _option(settings, resources)
    if name == "mem":
        return {"mem": _for_all(settings.mem, runs_per_job)} if settings.mem is not None else {}
    text = given(settings.extra)[name] if settings.mem is None else None
    if text is None:
        text = f"{-(-parse_memory(settings.mem or '') // _shares(name, resources))}M"
    return {name: _for_all(text, runs_per_job) if name == "mem-per-gpu" else text}


def _for_all(text: str, runs: int) -> str:
    """The memory of all runs of a job, from that of one."""
    return f"{parse_memory(text) * runs + RESERVE}M" if runs else text


def per_node(settings: SlurmOptions, resources: Resources, runs_per_job: int = 0) -> int | None:
    """MB per node that the script asks for; None if it does not say. runs_per_job: as in `options`."""
    asked = options(settings, resources, runs_per_job).items()
    return next((parse_memory(text) * _shares(name, resources) for name, text in asked), None)


def _option(settings: SlurmOptions, resources: Resources) -> str:
    extra = given(settings.extra)
    names = [name for name in MEMORY if name in extra and (name != "mem-per-gpu" or resources.gpus_per_node)]
    return names[0] if names else "mem"


def _shares(name: str, resources: Resources) -> int:
    """How many of what the option counts there are on a node."""
    cpus = resources.tasks_per_node * resources.cpus_per_task
    return {"mem-per-cpu": cpus, "mem-per-gpu": resources.gpus_per_node}.get(name, 1)
