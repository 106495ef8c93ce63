"""The options of [slurm.extra]: their spelling, and those that attnctl decides itself."""

from __future__ import annotations

import re
from collections.abc import Mapping

_SPELLING = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")

REMOVABLE = frozenset({"cpus-per-task", "gpus-per-node", "mem"})
"""Options of attnctl's own that `false` leaves out of the script, for sites that refuse them."""

MEMORY = ("mem-per-cpu", "mem-per-gpu")
"""Options that set the memory instead of --mem; a script has one of the three."""

_INSTEAD = {
    "account": "set account in [slurm]",
    "array": "set parallel in [slurm] to limit how many runs train at once",
    "chdir": 'add "cd FOLDER" to setup in [slurm]',
    "constraint": "set constraint in [slurm]",
    "cpus-per-gpu": "set cpus_per_gpu in [slurm]",
    "cpus-per-task": "set cpus_per_gpu in [slurm], or use --cpus-per-task",
    "error": "attnctl logs shows what a run prints",
    "exclude": "set exclude in [slurm]",
    "export": 'add "export NAME=VALUE" to setup in [slurm]',
    "export-file": 'add "source FILE" to setup in [slurm]',
    "get-user-env": 'add "source ~/.bashrc" to setup in [slurm]',
    "gpus-per-node": "set gpus_per_node in [slurm]",
    "gpus-per-socket": "set gpus_per_node in [slurm]",
    "help": "",
    "input": "jobs read no input",
    "job-name": "attnctl finds its jobs by their name",
    "mem": "set mem in [slurm]",
    "nodes": "use --nodes",
    "ntasks": "use --nodes, and gpus_per_node in [slurm] or --tasks-per-node",
    "ntasks-per-core": "use --tasks-per-node",
    "ntasks-per-gpu": "a run has one process per GPU",
    "ntasks-per-node": "set gpus_per_node in [slurm], or use --tasks-per-node",
    "ntasks-per-socket": "use --tasks-per-node",
    "open-mode": "attnctl appends to its logs",
    "output": "attnctl logs shows what a run prints",
    "parsable": "",
    "partition": "set partition in [slurm]",
    "qos": "set qos in [slurm]",
    "quiet": "",
    "signal": "attnctl needs the signal to save a checkpoint before the time limit",
    "test-only": "use --dry-run",
    "time": "set time in [slurm]",
    "tres-per-task": "set gpus_per_node and cpus_per_gpu in [slurm]",
    "usage": "",
    "version": "",
    "wait": "use attnctl sweep --wait",
    "wrap": "add the command to setup in [slurm]",
}
"""The options that attnctl decides, or that make sbatch print something else, and what to do instead."""


def bare(name: str) -> str:
    """The name of an sbatch option without its dashes."""
    return name.removeprefix("--")


def given(extra: Mapping[str, str]) -> dict[str, str]:
    """The options by their bare names, without those that `false` leaves out."""
    return {bare(name): value for name, value in extra.items() if value != "false"}


def removed(extra: Mapping[str, str], name: str) -> bool:
    """Whether `false` leaves out this option of attnctl's own."""
    return any(bare(key) == name and value == "false" for key, value in extra.items())


def problem(name: str, value: str) -> str | None:
    """What is wrong with one option; None if nothing is. It continues a sentence that begins with the name."""
    option = bare(name)
    if option in _INSTEAD and not (value == "false" and option in REMOVABLE):
        return "; ".join(filter(None, ("is decided by attnctl", _INSTEAD[option])))
    hyphened = option.replace("_", "-")
    if hyphened != option and (instead := problem(hyphened, value)):
        return instead
    return misspelt(name, value, "sbatch", 'mail-type = "FAIL"')


def misspelt(name: str, value: str, command: str, example: str) -> str | None:
    """What is wrong with the spelling of an option of that command, or with its value; None if nothing is."""
    if not _SPELLING.fullmatch(bare(name)):
        hyphened = bare(name).replace("_", "-")
        return (
            f"is not an option of {command}; write {hyphened if _SPELLING.fullmatch(hyphened) else f'it as {example}'}"
        )
    if not value.isprintable() or not value:
        return f"is {value!r}; it must be one line of text"
    return None
