"""Keeps waiting jobs away from nodes that cannot launch jobs."""

from __future__ import annotations

from collections.abc import Sequence

from attnctl.jobs.slurm.cancel import array_expressions, jobs_of
from attnctl.jobs.slurm.commands import CommandError, on_cluster, run
from attnctl.jobs.slurm.queries import JobStatus, query
from attnctl.lifecycle.state import SLURM_STATES, State
from attnctl.workspace.layout import Workspace, skip_unreadable
from attnctl.workspace.records import Placed, Request


def exclude(workspace: Workspace, placed: Sequence[Placed], nodes: Sequence[str]) -> str | None:
    """Exclude nodes from the jobs of these attempts that still wait; returns a message if that failed, else None."""
    jobs = jobs_of(workspace, placed)
    answers = query(jobs.values())
    waiting: dict[tuple[str | None, str], list[str]] = {}
    for item, job in jobs.items():
        status = answers[job]
        if isinstance(status, JobStatus) and SLURM_STATES.get(status.state) is State.QUEUED:
            # scontrol replaces the list of the job's own options (scontrol(1), ExcNodeList).
            value = ",".join(dict.fromkeys((*_excluded(workspace, item), *nodes)))
            waiting.setdefault((status.cluster, value), []).append(job.id)
    try:
        for (cluster, value), ids in waiting.items():
            for expression in array_expressions(ids):
                run(["scontrol", *on_cluster(cluster), "update", f"jobid={expression}", f"excnodelist={value}"])
    except CommandError as error:
        return f"could not exclude {', '.join(nodes)} from all waiting jobs: {error.message}"
    return None


def _excluded(workspace: Workspace, item: Placed) -> list[str]:
    """The nodes that the attempt was submitted without."""
    request = None
    with skip_unreadable():
        request = Request.read(workspace.run(item.run).attempt(item.attempt).request)
    value = request.options.get("exclude") if request is not None else None
    return [value] if isinstance(value, str) else []
