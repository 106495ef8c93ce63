"""Recovery from commands that were killed or timed out while they submitted jobs.

Such a command leaves reservations without an intent, or an intent (a submission record) without a job id. An intent is
never sent to SLURM again. If SLURM knows a job with its tag as name, the job is adopted: its id is recorded. If the
intent is so old that no sbatch can still be sending it, and two successful queries do not find the job, then the intent
is closed and its runs are free again.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Iterable

import psutil

from attnctl.jobs.slurm import queries
from attnctl.values import SpecError
from attnctl.workspace import submissions
from attnctl.workspace.layout import Workspace
from attnctl.workspace.records import Placed, Request, Submission

SBATCH_TIMEOUT = 60.0
"""Seconds until sbatch is stopped."""

NEVER_SUBMITTED = "never reached SLURM"
_BETWEEN_QUERIES = 1.0


def adopt(workspace: Workspace, placed: Iterable[Placed] = ()) -> str | None:
    """Look up the jobs of intents without a job id; returns a message if SLURM did not answer, else None.

    placed: attempts without a known job id; those for which no intent was written are freed.
    """
    for item in placed:
        request = Request.read(workspace.run(item.run).attempt(item.attempt).request)
        if request is not None:
            close_orphan(workspace, request)
    pending = [
        head
        for head in submissions.heads(workspace)
        if head.job_id is None and head.failed is None and not _adopt_by_owner(workspace, head)
    ]
    if not pending:
        return None
    try:
        cluster = queries.limits().cluster
        foreign = [head for head in pending if head.cluster not in {None, cluster}]
        ours = [head for head in pending if head not in foreign]
        missing = _adopt_by_name(workspace, ours, cluster)
        old = [head for head in missing if time.time() - head.created > 2 * SBATCH_TIMEOUT]
        if old:
            time.sleep(_BETWEEN_QUERIES)
            for head in _adopt_by_name(workspace, old, cluster):
                submissions.change(workspace, head.tag, failed=NEVER_SUBMITTED)
    except SpecError as error:
        return str(error)
    if foreign:
        head = foreign[0]
        return f"submission {head.tag} belongs to cluster {head.cluster}, but this machine uses cluster {cluster}"
    return None


def _adopt_by_name(workspace: Workspace, heads: list[submissions.Head], cluster: str) -> list[submissions.Head]:
    """Adopt the jobs whose name is a tag; returns the heads for which there is none."""
    job_ids = queries.find_by_tag([head.tag for head in heads], min((head.created for head in heads), default=0.0))
    for tag, job_id in job_ids.items():
        submissions.change(workspace, tag, job_id=job_id, cluster=cluster)
    return [head for head in heads if head.tag not in job_ids]


def _adopt_by_owner(workspace: Workspace, head: submissions.Head) -> bool:
    """Adopt a job by the id that one of its tasks has written, which works even if SLURM has forgotten the job."""
    submission = Submission.read(workspace.submission(head.tag))
    for run, attempt in submission.tasks if submission is not None else []:
        try:
            owner = workspace.run(run).attempt(attempt).owner.read_text(errors="replace").strip()
        except OSError:
            continue
        if owner:
            submissions.change(workspace, head.tag, job_id=owner.partition("_")[0])
            return True
    return False


def close_orphan(workspace: Workspace, request: Request) -> bool:
    """Free the runs of a command that ended after reserving them but before writing its intent; True if it did.

    Both sides create the intent exclusively, so a command that was only suspended notices that it was closed.
    """
    path = workspace.submission(request.tag)
    if path.exists() or not _gone(request):
        return False
    closed = Submission(
        tag=request.tag,
        created=request.created,
        where=request.where,
        host=request.host,
        pid=request.pid,
        tasks=[],
        specs={},
        failed="the command that reserved these runs ended before it submitted them",
    )
    return submissions.create(workspace, closed)


def _gone(request: Request) -> bool:
    if request.host == socket.gethostname():
        return not alive(request.pid, request.created)
    return time.time() - request.created > 2 * SBATCH_TIMEOUT


def alive(pid: int, before: float) -> bool:
    """Whether the process that had this id at time `before` (Unix seconds) still runs on this machine."""
    try:
        process = psutil.Process(pid)
        # 2 s: the clock may have been adjusted meanwhile; the kernel does not reuse an id that soon.
        return process.create_time() <= before + 2 and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
    except psutil.AccessDenied:
        return True
