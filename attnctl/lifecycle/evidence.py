"""The evidence of an attempt, read from its folder, and the state that it proves.

The index passes in what it has stored of an attempt's log. Before a run is submitted again, the folder alone is read,
because another command may have written to it a moment ago.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from attnctl.files import open_regular
from attnctl.lifecycle import state
from attnctl.lifecycle.state import ABSENT, UNSEEN, Evidence, State, Verdict, decide, world
from attnctl.units import ago
from attnctl.workspace import requests, submissions, waiting
from attnctl.workspace.layout import Attempt, Guard, Incarnation, Workspace, skip_unreadable
from attnctl.workspace.records import Cancel, Request
from attnctl.workspace.submissions import HeadOf, Submitted


class Names(NamedTuple):
    """The names in the folders of an attempt and of its newest incarnation; None where they were not listed."""

    attempt: Sequence[str] | None = None
    start: Sequence[str] | None = None

    def lack(self, path: Path) -> bool:
        """Whether a file or folder of the attempt is not there."""
        return self.attempt is not None and path.name not in self.attempt


_NOT_LISTED = Names()


def gather(
    attempt: Attempt,
    request: Request,
    submitted: Submitted | None,
    start: Incarnation | None,
    started: float | None,
    guard: Guard = skip_unreadable,
    names: Names = _NOT_LISTED,
) -> Evidence:
    """The evidence of an attempt.

    submitted: the head of its submission. start: its newest incarnation; started: when that began, in Unix seconds.
    guard: handles the error of an unreadable record, which does not count as evidence. names: of the files that were
    there a moment ago; others are not looked for.
    """
    exits = start.exits(guard, names.start) if start is not None else ()
    observations = attempt.observations(guard) if not names.lack(attempt.observed) else []
    cancel = None
    if not names.lack(attempt.cancel):
        with guard():
            cancel = Cancel.read(attempt.cancel)
    shown = not observations or observations[-1].word not in {ABSENT, UNSEEN}
    return Evidence(
        created=request.created,
        submitted=submitted is not None and submitted.job_id is not None,
        refused=submitted.failed if submitted is not None else None,
        observations=observations,
        logged=0 if shown else logged(attempt),
        exits=exits,
        world=world(request),
        started=started,
        cancel=cancel,
        waits_for_space=not names.lack(attempt.waiting_for_space) and attempt.waiting_for_space.exists(),
        base=request.base,
        unclaimed=bool(submitted is not None and submitted.runs_per_job and not attempt.owner.exists()),
    )


def logged(attempt: Attempt) -> int:
    """The bytes of the event logs of all starts of an attempt; they grow as long as it trains."""
    total = 0
    for start in attempt.incarnations():
        # Opened, not only looked up: over NFS only that asks the server for the size (nfs(5), close-to-open).
        with contextlib.suppress(OSError), open_regular(start.events) as stream:
            total += stream.seek(0, os.SEEK_END)
    return total


def verdict(attempt: Attempt, request: Request, head_of: HeadOf) -> Verdict:
    """The state of an attempt, from its folder alone. head_of: returns the head of a submission by its tag."""
    head = None
    with skip_unreadable():
        head = head_of(request.tag)
    start = next(reversed(attempt.incarnations()), None)
    started = None
    if start is not None:
        with contextlib.suppress(FileNotFoundError):
            started = start.path.stat().st_mtime
    return decide(gather(attempt, request, head, start, started))


def newest_verdict(workspace: Workspace, run_id: str, head_of: HeadOf | None = None) -> Verdict | None:
    """The state of a run, from its folder: of its newest attempt, unless the next one is still to be submitted.

    None before anything of it was submitted or put off. Raises RecordError.
    """
    head_of = head_of or submissions.cached_heads(workspace)
    number, found = newest_attempt(workspace, run_id, head_of)
    return with_waiting(workspace, run_id, number, found, head_of)


def newest_attempt(workspace: Workspace, run_id: str, head_of: HeadOf) -> tuple[int, Verdict | None]:
    """The number of a run's newest attempt and its state; 0 and None without attempts. Raises RecordError."""
    for attempt in reversed(workspace.run(run_id).attempts()):
        request = requests.read(attempt)
        if request is not None:
            return attempt.number, verdict(attempt, request, head_of)
    return 0, None


def with_waiting(
    workspace: Workspace, run_id: str, number: int, newest: Verdict | None, head_of: HeadOf | None = None
) -> Verdict | None:
    """The state of a run whose newest attempt has this number and state, considering what is still to be submitted.

    Raises RecordError.
    """
    record = waiting.read(workspace, run_id)
    if record is None:
        return newest
    base = None
    if record.base:
        found = newest_verdict(workspace, record.base, head_of)  # ends: a run's id depends on that of its base
        base = found.state if found is not None else State.NEW
    return state.with_waiting(record, number, newest, base)


def verdict_of_exits(attempt: Attempt, request: Request) -> Verdict | None:
    """The state from the newest incarnation's exit records alone, ignoring the scheduler; None when there are none."""
    start = next(reversed(attempt.incarnations()), None)
    exits = start.exits() if start is not None else []
    if not exits:
        return None
    return decide(Evidence(created=request.created, submitted=True, exits=exits, world=world(request)))


def describe_claim(request: Request, verdict: Verdict) -> str:
    """Who already submitted a run, and when: `queued by alice on login1 3 min ago`; else its state."""
    if not verdict.state.active:
        return str(verdict.state)
    prefix = f"{verdict.state}, queued" if verdict.state in {State.RUNNING, State.SUSPENDED} else "queued"
    return f"{prefix} by {request.user} on {request.host} {ago(request.created)}"
