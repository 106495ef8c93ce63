"""Reserving runs: an attempt's folder belongs to the one command that created its request.json."""

from __future__ import annotations

import dataclasses
import json
import os
import secrets
import socket
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from attnctl.files import write_atomic
from attnctl.jobs.slurm.adopt import close_orphan
from attnctl.lifecycle import evidence
from attnctl.lifecycle.state import State
from attnctl.units import ago
from attnctl.workspace import submissions
from attnctl.workspace.layout import Attempt, RunDir, Workspace
from attnctl.workspace.records import Request, Resources, Where, user_name


@dataclass(frozen=True)
class Reservation:
    """What one command got. tasks: (run id, attempt) in the order asked for; skipped: run id to why not."""

    tasks: list[tuple[str, int]] = field(default_factory=list)
    skipped: dict[str, str] = field(default_factory=dict)


def new_tag() -> str:
    """A submission's unique name, which is its job's name too; they sort by time."""
    return time.strftime("attnctl-%Y%m%d-%H%M%S-", time.gmtime()) + secrets.token_hex(4)


def reserve(
    workspace: Workspace,
    tag: str,
    specs: Iterable[tuple[str, dict[str, Any]]],
    resources: Resources,
    where: Where,
    options: Mapping[str, Any] | None = None,
    ended: Mapping[str, int] | None = None,
) -> Reservation:
    """TimeLimitMargin the next attempt of each run; one that is under way, done or just taken by another is skipped.

    specs: run id and spec as JSON values. options: what else the attempt asks of SLURM. ended: run id to the number of
    an attempt that is over, whatever the scheduler said of it.
    """
    found = Reservation()
    request = Request(
        tag=tag,
        created=time.time(),
        host=socket.gethostname(),
        pid=os.getpid(),
        user=user_name(),
        nonce=secrets.token_hex(8),
        where=where,
        resources=dataclasses.asdict(resources),
        options=options or {},
    ).encode()
    head_of = submissions.cached_heads(workspace)
    aside = workspace.runs / f".{tag}"
    write_atomic(aside, request)
    try:
        for run_id, spec in specs:
            run = workspace.run(run_id)
            attempt = run.attempt(1)
            words = None
            if _is_new(run):
                write_atomic(run.spec, json.dumps(spec, sort_keys=True).encode() + b"\n")
            else:
                attempt, words = _next_attempt(workspace, run, head_of, (ended or {}).get(run_id))
            if words is None and not _link(aside, attempt.request, request):
                words = _taken(attempt)
            if words is None:
                found.tasks.append((run.id, attempt.number))
            else:
                found.skipped[run.id] = words
    finally:
        aside.unlink()
    return found


def _link(aside: Path, path: Path, data: bytes) -> bool:
    """As `rundir.create_exclusive`, for the many reservations of one command, which hold the same bytes."""
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.link(aside, path)
    except FileExistsError:
        return path.read_bytes() == data  # over NFS a link that was made can report this, too
    return True


def _is_new(run: RunDir) -> bool:
    """Whether the run has no spec yet; the folders of its first attempt are made without looking for them first."""
    try:
        for folder in (run.path, run.attempts_folder, run.attempt(1).path):
            folder.mkdir()
    except FileExistsError:
        return not run.spec.exists()
    return True


def _next_attempt(
    workspace: Workspace, run: RunDir, head_of: submissions.HeadOf, ended: int | None
) -> tuple[Attempt, str | None]:
    """The attempt that may be created, or else why none may. ended: the number of one that is over."""
    for attempt in reversed(run.attempts()):
        request = Request.read(attempt.request)
        if request is None:
            continue  # somebody is about to create it: whoever does it first has it
        if attempt.number == ended:
            return run.attempt(attempt.number + 1), None
        found = evidence.verdict(attempt, request, head_of)
        if found.state is State.SUBMITTING and close_orphan(workspace, request):
            return run.attempt(attempt.number + 1), None
        if found.state.active or found.state is State.COMPLETED:
            return attempt, evidence.describe_claim(request, found)
        return run.attempt(attempt.number + 1), None
    return run.attempt(1), None


def _taken(attempt: Attempt) -> str:
    request = Request.read(attempt.request)
    return (
        "queued by another"
        if request is None
        else (f"queued by {request.user} on {request.host} {ago(request.created)}")
    )
