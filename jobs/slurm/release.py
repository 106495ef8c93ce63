"""Letting go the jobs that SLURM could not start, and holds for that."""

from __future__ import annotations

from collections.abc import Sequence

from attnctl.jobs.slurm import queries
from attnctl.jobs.slurm.cancel import expressions, jobs_of
from attnctl.jobs.slurm.commands import CommandError, run
from attnctl.lifecycle.advice import LAUNCH_HELD
from attnctl.workspace.layout import Workspace
from attnctl.workspace.records import Placed


def release(workspace: Workspace, placed: Sequence[Placed]) -> str | None:
    """Let these attempts' jobs go where squeue still shows them so held; the words of what could not be asked.

    On a node that is still broken SLURM holds them again, and nothing is lost.
    """
    jobs = jobs_of(workspace, placed)
    if not jobs:
        return None
    try:
        held = [job for job, known in queries.squeue(jobs).items() if LAUNCH_HELD in known.reason]
        for expression in expressions(held):
            run(["scontrol", "release", expression])
    except CommandError as error:
        return f"not all held jobs are released: {error.words}"
    return None
