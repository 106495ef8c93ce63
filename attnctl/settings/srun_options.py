"""The options of [slurm.srun], which start the processes of a run, and not the job: containers, binding, prologs."""

from __future__ import annotations

from collections.abc import Mapping

from attnctl.settings import sbatch_options

_INSTEAD = {
    "cpus-per-task": "set cpus_per_gpu in [slurm], or use --cpus-per-task",
    "error": "attnctl logs shows what a run prints",
    "export": "the processes get the whole environment of the script; change it in setup in [slurm]",
    "input": "the processes read no input",
    "job-name": "attnctl finds its jobs by their name",
    "jobid": "",
    "kill-on-bad-exit": "if one process of a run ends, the others cannot go on",
    "label": "each process has its own log",
    "multi-prog": "",
    "nodes": "use --nodes",
    "no-kill": "",
    "ntasks": "use --nodes, and gpus_per_node in [slurm] or --tasks-per-node",
    "ntasks-per-node": "set gpus_per_node in [slurm], or use --tasks-per-node",
    "open-mode": "attnctl appends to its logs",
    "output": "attnctl logs shows what a run prints",
    "pty": "",
    "test-only": "",
    "time": "set time in [slurm]",
    "unbuffered": "",
    "wait": "",
}
"""The options that attnctl decides, and what to do instead."""

_CONTAINER = ("container-image", "container-name")
_CONTAINER_ENV = "container-env"
_OWN_VARIABLES = "ATTNCTL_CODE,PYTHONPATH"


def problem(name: str, value: str) -> str | None:
    """What is wrong with one option; None if nothing is. It continues a sentence that begins with the name."""
    option = sbatch_options.bare(name).replace("_", "-")
    if option in _INSTEAD:
        return "; ".join(filter(None, ("is decided by attnctl", _INSTEAD[option])))
    return sbatch_options.misspelt(name, value, "srun", 'container-image = "torch.sqsh"')


def arguments(srun: Mapping[str, str]) -> list[str]:
    """The arguments of srun. `true` gives an option without a value; `false` leaves it out.

    In a container of pyxis the image's own variables win over the job's, unless --container-env names them.
    """
    options = sbatch_options.given(srun)
    if any(name in options for name in _CONTAINER):
        options[_CONTAINER_ENV] = ",".join(filter(None, (options.get(_CONTAINER_ENV), _OWN_VARIABLES)))
    return [f"--{name}" if value == "true" else f"--{name}={value}" for name, value in sorted(options.items())]


def in_container(srun: Mapping[str, str]) -> bool:
    """Whether the processes run in a container of pyxis."""
    return any(name in sbatch_options.given(srun) for name in _CONTAINER)
