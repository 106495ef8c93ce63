"""What a user should know about the queue before or when jobs are submitted."""

from __future__ import annotations

import os
import shlex
import shutil
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from attnctl.cli.sweeping.destination import Destination
from attnctl.settings import memory_request
from attnctl.spec import RunSpec
from attnctl.units import duration, quantity
from attnctl.values import comma_join
from attnctl.workspace.layout import Workspace

_KEPT = ("SLURM_CONF", "SLURM_CLUSTERS")
"""The variables that SLURM's commands may need, and that cron does not have."""


def time_limit_note(destination: Destination) -> str | None:
    """A message if the time limit exceeds that of every partition that the jobs may go to; None if SLURM is silent."""
    minutes = destination.resources.minutes
    if destination.where != "slurm" or minutes is None or not destination.answering:
        return None
    from attnctl.jobs.slurm import configuration, sbatch
    from attnctl.jobs.slurm.commands import SlurmUnavailable

    try:
        rows = configuration.chosen_partitions(*sbatch.target(destination.options, os.environ))
    except SlurmUnavailable:
        return None
    if not rows or any(row.minutes is None or row.minutes >= minutes for row in rows):
        return None
    limits = comma_join(f"{row.name} ({row.time_limit})" for row in rows)
    return (
        f"the time limit of {duration(60 * minutes)} exceeds that of partition {limits}: SLURM may never start these "
        "jobs; use a shorter --time"
    )


def not_started_note(destination: Destination, warning: str, shared: int = 0) -> str:
    """A message for jobs that SLURM accepts but does not start, with what no node of their partition has.

    warning: SLURM's own words. shared: how many runs share a job; 0: each has its own.
    """
    from attnctl.jobs.slurm import nodes, sbatch

    note = f"SLURM accepts the jobs, but cannot start them at present: {warning}"
    _, found = nodes.of_partition(*sbatch.target(destination.options, os.environ))
    if not found:
        return note
    resources = destination.resources
    memory = memory_request.per_node(destination.options, resources, shared)
    cores = resources.tasks_per_node * resources.cpus_per_task * max(1, shared)
    most = [max(values) for values in zip(*((node.memory, node.cpus, node.count(None)) for node in found), strict=True)]
    excess = []
    if most[0] and (memory or 0) > most[0]:
        excess.append(f"{memory} MB of memory (no node has more than {most[0]})")
    excess += [
        f"{quantity(asked, unit)} (no node has more than {has})"
        for asked, has, unit in ((cores, most[1], "core"), (resources.gpus_per_node, most[2], "GPU"))
        if asked > has
    ]
    return note + (f"; each asks on a node for {comma_join(excess)}" if excess else "")


def not_started_notes(specs: Sequence[RunSpec], destination: Destination, batches: Sequence[Any]) -> list[str]:
    """The messages for batches of jobs that SLURM accepted but cannot start."""
    by_id = {spec.id: spec for spec in specs}
    notes = []
    for batch in batches:
        if batch.warning and batch.tasks:
            ((part, _),) = destination.groups([by_id[batch.tasks[0][0]]])
            notes.append(not_started_note(part, batch.warning, batch.runs_per_job))
    return list(dict.fromkeys(notes))


def cron_line(workspace: Workspace, arguments: Sequence[str], environ: Mapping[str, str]) -> str:
    """A line of a crontab that runs attnctl every 15 minutes, with what SLURM's commands need from this environment."""
    sbatch = shutil.which("sbatch")
    folders = [str(Path(sbatch).parent)] if sbatch is not None else []
    path = ":".join(dict.fromkeys([*folders, "/usr/local/bin", "/usr/bin", "/bin"]))
    variables = {"PATH": path} | {name: environ[name] for name in _KEPT if name in environ}
    command = [sys.executable, "-P", "-m", "attnctl", "--workspace", str(workspace.root.absolute()), *arguments]
    assignments = " ".join(f"{name}={shlex.quote(value)}" for name, value in variables.items())
    return f"*/15 * * * * {assignments} {shlex.join(command)}".replace("%", "\\%")  # crontab(5): % is a line break
