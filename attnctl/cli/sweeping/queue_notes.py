"""What a user should know about the queue before or when jobs are submitted."""

from __future__ import annotations

import os
import shlex
import shutil
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from attnctl.cli.sweeping.destination import Destination
from attnctl.units import duration
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


def cron_line(workspace: Workspace, arguments: Sequence[str], environ: Mapping[str, str]) -> str:
    """A line of a crontab that runs attnctl every 15 minutes, with what SLURM's commands need from this environment."""
    sbatch = shutil.which("sbatch")
    folders = [str(Path(sbatch).parent)] if sbatch is not None else []
    path = ":".join(dict.fromkeys([*folders, "/usr/local/bin", "/usr/bin", "/bin"]))
    variables = {"PATH": path} | {name: environ[name] for name in _KEPT if name in environ}
    command = [sys.executable, "-P", "-m", "attnctl", "--workspace", str(workspace.root.absolute()), *arguments]
    assignments = " ".join(f"{name}={shlex.quote(value)}" for name, value in variables.items())
    return f"*/15 * * * * {assignments} {shlex.join(command)}".replace("%", "\\%")  # crontab(5): % is a line break
