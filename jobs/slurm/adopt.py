"""Recovery from commands that were killed or timed out while they submitted jobs.

Such a command leaves reservations without an intent, or an intent (a submission record) without a job id. An intent is
never sent to SLURM again. If SLURM knows a job with its tag as name, the job is adopted: its id is recorded. If the
intent is so old that no sbatch can still be sending it, and two successful queries do not find the job, then the intent
is closed and its runs are free again.
"""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Iterable
from pathlib import Path

from attnctl.files import read_regular
from attnctl.jobs.slurm import configuration, queries
from attnctl.jobs.slurm.configuration import Limits
from attnctl.jobs.slurm.job import login_name
from attnctl.lifecycle.state import NEVER_SENT, NEVER_SUBMITTED
from attnctl.values import SpecError
from attnctl.workspace import submissions
from attnctl.workspace.layout import Workspace, skip_unreadable
from attnctl.workspace.records import Placed, Request, Submission, user_name

SBATCH_TIMEOUT = 60.0
"""Seconds until sbatch is stopped."""

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
        local = configuration.limits()
        groups: dict[str, list[submissions.Head]] = {}
        for head in pending:
            groups.setdefault(head.cluster or local.cluster, []).append(head)
        hidden = [_adopt_group(workspace, heads, clusters, local) for clusters, heads in groups.items()]
    except SpecError as error:
        return str(error)
    return "; ".join(filter(None, hidden)) or None


def _adopt_group(workspace: Workspace, heads: list[submissions.Head], clusters: str, local: Limits) -> str:
    """Adopt the jobs of these intents, or close old intents without a job. clusters: joined by commas.

    An intent of another user stays open if SLURM would not show us its job; the message says so. Raises SpecError.
    """
    missing = _adopt_by_name(workspace, heads, clusters, local.cluster)
    old = [head for head in missing if time.time() - head.created > 2 * SBATCH_TIMEOUT]
    hidden = {head.owner for head in old if head.owner not in {"", login_name()}} if local.private else set()
    if old:
        time.sleep(_BETWEEN_QUERIES)
        visible = [head for head in old if head.owner not in hidden]
        for head in _adopt_by_name(workspace, visible, clusters, local.cluster):
            submissions.change(workspace, head.tag, failed=NEVER_SUBMITTED)
    return "; ".join(queries.Hidden(owner).message for owner in sorted(hidden))


def _adopt_by_name(
    workspace: Workspace, heads: list[submissions.Head], clusters: str, local: str
) -> list[submissions.Head]:
    """Adopt the jobs whose name is a tag; returns the heads for which there is none."""
    missing = list(heads)
    for cluster in clusters.split(","):
        since = min((head.created for head in missing), default=0.0)
        remote = None if cluster == local else cluster
        job_ids = queries.find_by_tag([head.tag for head in missing], since, remote)
        for tag, job_id in job_ids.items():
            submissions.change(workspace, tag, job_id=job_id, cluster=cluster)
        missing = [head for head in missing if head.tag not in job_ids]
    return missing


def _adopt_by_owner(workspace: Workspace, head: submissions.Head) -> bool:
    """Adopt a job by the id that one of its tasks has written, which works even if SLURM has forgotten the job."""
    submission = None
    with skip_unreadable():  # a damaged one stops no others
        submission = Submission.read(workspace.submission(head.tag))
    for run, attempt in submission.tasks if submission is not None else []:
        try:
            owner = read_regular(workspace.run(run).attempt(attempt).owner).decode(errors="replace").strip()
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
        failed=NEVER_SENT,
    )
    return submissions.create(workspace, closed)


def _gone(request: Request) -> bool:
    if request.host == socket.gethostname() and not (request.user != user_name() and processes_hidden()):
        return not alive(request.pid, request.created)
    return time.time() - request.created > 2 * SBATCH_TIMEOUT


def processes_hidden() -> bool:
    """Whether this machine hides the processes of other users from us (proc(5), hidepid=2)."""
    return os.geteuid() != 0 and not Path("/proc/1").exists()


def alive(pid: int, before: float) -> bool:
    """Whether the process that had this id at time `before` (Unix seconds) still runs on this machine."""
    import psutil  # takes 15 ms, and where SLURM runs the jobs nothing is asked of this machine

    try:
        process = psutil.Process(pid)
        # 2 s: the clock may have been adjusted meanwhile; the kernel does not reuse an id that soon.
        return process.create_time() <= before + 2 and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
    except psutil.AccessDenied:
        return True
