"""How a job asks SLURM for memory: by --mem, or by --mem-per-cpu or --mem-per-gpu where [slurm.extra] has one of them.

sbatch(1) refuses more than one of them, so a run that gets more memory gets it by the same option.
"""

from __future__ import annotations

from attnctl.settings.config import SlurmOptions
from attnctl.settings.sbatch_options import MEMORY, given
from attnctl.units import parse_memory
from attnctl.workspace.records import Resources


def options(settings: SlurmOptions, resources: Resources) -> dict[str, str]:
    """The one option of a script with these resources; none if neither the settings nor the command say."""
    name = _option(settings, resources)
    if name == "mem":
        return {"mem": settings.mem} if settings.mem is not None else {}
    if settings.mem is None:
        return {name: given(settings.extra)[name]}
    return {name: f"{-(-parse_memory(settings.mem) // _shares(name, resources))}M"}


def per_node(settings: SlurmOptions, resources: Resources) -> int | None:
    """MB per node that the script asks for; None if it does not say."""
    return next(
        (parse_memory(text) * _shares(name, resources) for name, text in options(settings, resources).items()), None
    )


def _option(settings: SlurmOptions, resources: Resources) -> str:
    extra = given(settings.extra)
    names = [name for name in MEMORY if name in extra and (name != "mem-per-gpu" or resources.gpus_per_node)]
    return names[0] if names else "mem"


def _shares(name: str, resources: Resources) -> int:
    """How many of what the option counts there are on a node."""
    cpus = resources.tasks_per_node * resources.cpus_per_task
    return {"mem-per-cpu": cpus, "mem-per-gpu": resources.gpus_per_node}.get(name, 1)
