"""Reserves runs: an attempt belongs to the command that created its request.json."""

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

from attnctl.files import read_regular, write_atomic
from attnctl.jobs.slurm.adopt import close_orphan
from attnctl.lifecycle import evidence
from attnctl.lifecycle.state import State
from attnctl.units import ago
from attnctl.workspace import submissions
from attnctl.workspace.layout import Attempt, RunDir, Workspace
from attnctl.workspace.records import Request, Resources, Where, user_name


@dataclass(frozen=True)
class Reservation:
    """The result for one command. tasks: (run id, attempt) in the given order; skipped: run id to the reason."""

    tasks: list[tuple[str, int]] = field(default_factory=list)
    skipped: dict[str, str] = field(default_factory=dict)


def new_tag() -> str:
    """A unique name for a submission and its job. Tags sort by time."""
    return time.strftime("attnctl-%Y%m%d-%H%M%S-", time.gmtime()) + secrets.token_hex(4)


def reserve(
    workspace: Workspace,
    tag: str,
    specs: Iterable[tuple[str, dict[str, Any]]],
    resources: Resources,
    where: Where,
    options: Mapping[str, Any] | None = None,
    ended: Mapping[str, int] | None = None,
    base: str = "",
) -> Reservation:
    """Reserve the next attempt of each run; runs that are active, completed or just reserved by others are skipped.

    specs: run id and spec as JSON values. options: the other options for SLURM. ended: run id to the number of an
    attempt that counts as ended, whatever the scheduler says. base: the run whose job these runs wait for.
    """
    reservation = Reservation()
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
        checkpoints=workspace.recorded_checkpoints,
        base=base,
    ).encode()
    head_of = submissions.cached_heads(workspace)
    aside = workspace.runs / f".{tag}"
    write_atomic(aside, request)
    try:
        for run_id, spec in specs:
            run = workspace.run(run_id)
            attempt = run.attempt(1)
            reason = None
            if not describe(run, spec):
                attempt, reason = next_attempt(workspace, run, head_of, (ended or {}).get(run_id))
            if reason is None and not _link(aside, attempt.request, request):
                reason = _reserved_by(attempt)
            if reason is None:
                reservation.tasks.append((run.id, attempt.number))
            else:
                reservation.skipped[run.id] = reason
    finally:
        aside.unlink()
    return reservation


def describe(run: RunDir, spec: Mapping[str, Any]) -> bool:
    """Write the spec of a run that has none yet, with the folders of its first attempt; whether it had none."""
    new = _is_new(run)
    if new:
        write_atomic(run.spec, json.dumps(spec, sort_keys=True).encode() + b"\n")
    return new


def _link(aside: Path, path: Path, data: bytes) -> bool:
    """Like `files.create_exclusive`, but cheaper for many reservations with the same content: a link to one file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.link(aside, path)
    except FileExistsError:
        return read_regular(path) == data  # open(2), O_EXCL: over NFS link() can report failure after it succeeded
    return True


def _is_new(run: RunDir) -> bool:
    """Whether the run has no spec yet. Creates the folders of its first attempt."""
    try:
        for folder in (run.path, run.attempts_folder, run.attempt(1).path):
            folder.mkdir()
    except FileExistsError:
        return not run.spec.exists()
    return True


def next_attempt(
    workspace: Workspace, run: RunDir, head_of: submissions.HeadOf, ended: int | None
) -> tuple[Attempt, str | None]:
    """The next attempt, or the current one with the reason why there is none. ended: number of an ended attempt."""
    for attempt in reversed(run.attempts()):
        request = Request.read(attempt.request)
        if request is None:
            continue  # another command is creating it; the first to create the file gets the attempt
        if attempt.number == ended:
            return run.attempt(attempt.number + 1), None
        verdict = evidence.verdict(attempt, request, head_of)
        if verdict.state is State.SUBMITTING and close_orphan(workspace, request):
            return run.attempt(attempt.number + 1), None
        if verdict.state.active or verdict.state is State.COMPLETED:
            return attempt, evidence.describe_claim(request, verdict)
        return run.attempt(attempt.number + 1), None
    return run.attempt(1), None


def _reserved_by(attempt: Attempt) -> str:
    request = Request.read(attempt.request)
    if request is None:
        return "queued by another command"
    return f"queued by {request.user} on {request.host} {ago(request.created)}"
