"""Releases jobs that SLURM holds because it could not launch them."""

from __future__ import annotations

from collections.abc import Sequence

from attnctl.jobs.slurm import queries
from attnctl.jobs.slurm.cancel import array_expressions, jobs_of
from attnctl.jobs.slurm.commands import CommandError, run
from attnctl.lifecycle.advice import LAUNCH_HELD
from attnctl.workspace.layout import Workspace
from attnctl.workspace.records import Placed


def release(workspace: Workspace, placed: Sequence[Placed]) -> str | None:
    """Release the jobs of these attempts that SLURM still holds; returns a message if that failed, else None.

    If the node is still broken, SLURM holds the job again and nothing is lost.
    """
    jobs = jobs_of(workspace, placed)
    if not jobs:
        return None
    try:
        held = [job for job, status in queries.squeue(jobs).items() if LAUNCH_HELD in status.reason]
        for expression in array_expressions(held):
            run(["scontrol", "release", expression])
    except CommandError as error:
        return f"could not release all held jobs: {error.message}"
    return None
