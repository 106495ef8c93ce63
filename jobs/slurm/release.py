"""Releases jobs that SLURM holds because it could not launch them."""

from __future__ import annotations

from collections.abc import Sequence

from attnctl.jobs.slurm.cancel import array_expressions, jobs_of
from attnctl.jobs.slurm.commands import CommandError, on_cluster, run
from attnctl.jobs.slurm.queries import JobStatus, query
from attnctl.lifecycle.advice import LAUNCH_HELD
from attnctl.workspace.layout import Workspace
from attnctl.workspace.records import Placed


def release(workspace: Workspace, placed: Sequence[Placed]) -> str | None:
    """Release the jobs of these attempts that SLURM still holds; returns a message if that failed, else None.

    If the node is still broken, SLURM holds the job again and nothing is lost.
    """
    held: dict[str | None, list[str]] = {}
    for job, status in query(jobs_of(workspace, placed).values()).items():
        if isinstance(status, JobStatus) and LAUNCH_HELD in status.reason:
            held.setdefault(status.cluster, []).append(job.id)
    try:
        for cluster, ids in held.items():
            for expression in array_expressions(ids):
                run(["scontrol", *on_cluster(cluster), "release", expression])
    except CommandError as error:
        return f"could not release all held jobs: {error.message}"
    return None
