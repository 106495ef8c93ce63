"""The evidence of an attempt, gathered from its folder, and the states that follow from it.

The index keeps what an attempt's log says, and hands it in. Where a run is asked for again, only the folder counts:
another command may have written to it a moment ago.
"""

from __future__ import annotations

import contextlib

from attnctl.lifecycle.state import Evidence, State, Verdict, decide, world
from attnctl.units import ago
from attnctl.workspace import submissions
from attnctl.workspace.layout import Attempt, Guard, Incarnation, Workspace, passing_over
from attnctl.workspace.records import Cancel, Request
from attnctl.workspace.submissions import HeadOf, Submitted


def gather(
    attempt: Attempt,
    request: Request,
    submitted: Submitted | None,
    start: Incarnation | None,
    started: float | None,
    guard: Guard = passing_over,
) -> Evidence:
    """The evidence of an attempt. submitted: its submission; start: its newest one, and when that began.

    guard: what becomes of the error of a broken record, which is no evidence.
    """
    exits = start.exits(guard) if start is not None else ()
    observations = attempt.observations(guard)
    cancel = None
    with guard():
        cancel = Cancel.read(attempt.cancel)
    return Evidence(
        created=request.created,
        submitted=submitted is not None and submitted.job_id is not None,
        refused=submitted.failed if submitted is not None else None,
        observations=observations,
        exits=exits,
        world=world(request),
        started=started,
        cancel=cancel,
    )


def verdict(attempt: Attempt, request: Request, head_of: HeadOf) -> Verdict:
    """The state of an attempt by its folder alone. head_of: the head of a submission by its tag."""
    head = None
    with passing_over():
        head = head_of(request.tag)
    start = next(reversed(attempt.incarnations()), None)
    started = None
    if start is not None:
        with contextlib.suppress(FileNotFoundError):
            started = start.path.stat().st_mtime
    return decide(gather(attempt, request, head, start, started))


def newest_verdict(workspace: Workspace, run_id: str, head_of: HeadOf | None = None) -> Verdict | None:
    """The state of a run's newest attempt by its folder; None before the first. Raises RecordError."""
    for attempt in reversed(workspace.run(run_id).attempts()):
        request = Request.read(attempt.request)
        if request is not None:
            return verdict(attempt, request, head_of or submissions.cached_heads(workspace))
    return None


def verdict_of_exits(attempt: Attempt, request: Request) -> Verdict | None:
    """The state by the exit records of the newest start, whatever the scheduler was last heard to say; None without."""
    start = next(reversed(attempt.incarnations()), None)
    exits = start.exits() if start is not None else []
    if not exits:
        return None
    return decide(Evidence(created=request.created, submitted=True, exits=exits, world=world(request)))


def in_words(request: Request, found: Verdict) -> str:
    """Why a run is not asked for again: `queued by alice on login1 3 min ago`."""
    if not found.state.active:
        return str(found.state)
    word = "queued" if found.state is not State.RUNNING else "running, queued"
    return f"{word} by {request.user} on {request.host} {ago(request.created)}"
