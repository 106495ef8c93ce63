"""The evidence that an attempt's folder holds, for the moment in which a run is asked for again.

The index gathers the same from its tables; here the folder itself is read, since another command may have written to it
a moment ago.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable

from attnctl.lifecycle.state import Evidence, State, Verdict, decide, world
from attnctl.units import ago
from attnctl.workspace.layout import Attempt
from attnctl.workspace.records import Cancel, RecordError, Request
from attnctl.workspace.submissions import Head

HeadOf = Callable[[str], Head | None]


def verdict(attempt: Attempt, request: Request, head_of: HeadOf) -> Verdict:
    """The state of an attempt. head_of: the head of a submission by its tag.

    A record that is broken is no evidence.
    """
    submission = cancel = None
    with contextlib.suppress(RecordError, OSError):
        submission = head_of(request.tag)
    with contextlib.suppress(RecordError, OSError):
        cancel = Cancel.read(attempt.cancel)
    incarnations = attempt.incarnations()
    started = None
    if incarnations:
        with contextlib.suppress(FileNotFoundError):
            started = incarnations[-1].path.stat().st_mtime
    return decide(
        Evidence(
            created=request.created,
            submitted=submission is not None and submission.job_id is not None,
            refused=submission.failed if submission is not None else None,
            observations=attempt.observations(),
            exits=incarnations[-1].exits() if incarnations else (),
            world=world(request),
            started=started,
            cancel=cancel,
        )
    )


def in_words(request: Request, found: Verdict) -> str:
    """Why a run is not asked for again: `queued by alice on login1 3 min ago`."""
    if not found.state.active:
        return str(found.state)
    word = "queued" if found.state is not State.RUNNING else "running, queued"
    return f"{word} by {request.user} on {request.host} {ago(request.created)}"
