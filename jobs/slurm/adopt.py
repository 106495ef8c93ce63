"""What commands that were killed or timed out left behind: reservations without an intent, intents without a job id.

An intent is never sent again. Either SLURM knows a job of its name, and it is adopted; or it is old enough that no
sbatch of it can still be under way, and two queries that worked lack it: then it is closed, and its runs are free.
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
"""Seconds that sbatch may take."""

NEVER = "never reached SLURM"
_BETWEEN_QUERIES = 1.0


def adopt(workspace: Workspace, placed: Iterable[Placed] = ()) -> str | None:
    """Find the jobs of intents without a job id; the words of a SLURM that did not answer, else None.

    placed: attempts of which no job id is known; those that never got an intent are freed.
    """
    for item in placed:
        request = Request.read(workspace.run(item.run).attempt(item.attempt).request)
        if request is not None:
            close_orphan(workspace, request)
    left = [
        head
        for head in submissions.heads(workspace)
        if head.job_id is None and head.failed is None and not _adopt_by_owner(workspace, head)
    ]
    if not left:
        return None
    try:
        here = queries.limits().cluster
        foreign = [head for head in left if head.cluster not in {None, here}]
        ours = [head for head in left if head not in foreign]
        missing = _adopt_by_name(workspace, ours, here)
        old = [head for head in missing if time.time() - head.created > 2 * SBATCH_TIMEOUT]
        if old:
            time.sleep(_BETWEEN_QUERIES)
            for head in _adopt_by_name(workspace, old, here):
                submissions.change(workspace, head.tag, failed=NEVER)
    except SpecError as error:
        return str(error)
    return f"{foreign[0].tag} was sent to cluster {foreign[0].cluster}; this machine asks {here}" if foreign else None


def _adopt_by_name(workspace: Workspace, heads: list[submissions.Head], cluster: str) -> list[submissions.Head]:
    """Adopt those whose tag is the name of a job; the others are returned."""
    found = queries.find_by_tag([head.tag for head in heads], min((head.created for head in heads), default=0.0))
    for tag, job_id in found.items():
        submissions.change(workspace, tag, job_id=job_id, cluster=cluster)
    return [head for head in heads if head.tag not in found]


def _adopt_by_owner(workspace: Workspace, head: submissions.Head) -> bool:
    """A task that has started says its own id, whatever SLURM can still tell."""
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
    """Free the runs of a command that ended between its reservations and its intent; True when that is done.

    The intent is created exclusively by either side, so a command that was only asleep finds itself closed out.
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
        failed="the command that reserved it ended before it was submitted",
    )
    return submissions.create(workspace, closed)


def _gone(request: Request) -> bool:
    if request.host == socket.gethostname():
        return not alive(request.pid, request.created)
    return time.time() - request.created > 2 * SBATCH_TIMEOUT


def alive(pid: int, before: float) -> bool:
    """Whether the process that had this id at the moment `before` still runs on this machine."""
    try:
        process = psutil.Process(pid)
        # 2 s: the clock's own steps; ids are not used again so soon
        return process.create_time() <= before + 2 and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
    except psutil.AccessDenied:
        return True
