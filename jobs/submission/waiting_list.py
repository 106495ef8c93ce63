"""Puts off runs that SLURM does not take yet: records what is still to be submitted, and with what settings.

Killed at any point, the same command puts off the rest: a run without a record is as it was before.
"""

from __future__ import annotations

import dataclasses
import socket
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from attnctl.jobs.slurm.cancel import Outcome
from attnctl.jobs.slurm.job import login_name
from attnctl.jobs.submission import code_snapshot
from attnctl.jobs.submission.reserve import describe, new_tag, next_attempt
from attnctl.lifecycle import evidence
from attnctl.lifecycle.state import is_still_waiting
from attnctl.settings.config import Config
from attnctl.spec import RunSpec
from attnctl.workspace import submissions, waiting
from attnctl.workspace.layout import Workspace, skip_unreadable
from attnctl.workspace.records import Resources, WaitingRun


@dataclass(frozen=True, kw_only=True)
class Postponed:
    """Why runs are put off, and how they are to be submitted later. options: as in `Request`.

    ended: run id to the number of an attempt that counts as ended, whatever the scheduler says. base: the run that they
    wait for; empty if they wait for a place.
    """

    config: Config
    resources: Resources
    options: Mapping[str, Any]
    ended: Mapping[str, int] = field(default_factory=dict)
    reason: str
    base: str = ""


PutOff = Callable[[Postponed, Sequence[RunSpec]], tuple[dict[str, str], dict[str, str]]]
"""Puts off runs; returns the reason of each, and that of each run which is active or completed and so is skipped."""


def put_off(postponed: Postponed, specs: Sequence[RunSpec]) -> tuple[dict[str, str], dict[str, str]]:
    """Record the runs: see `PutOff`. Raises OSError."""
    workspace = postponed.config.workspace
    head_of = submissions.cached_heads(workspace)
    for folder in (workspace.runs, workspace.waiting_folder):
        folder.mkdir(parents=True, exist_ok=True)
    tag, created = new_tag(), time.time()
    if postponed.config.source is not None:
        waiting.write_settings(workspace, tag, postponed.config.source)
    put: dict[str, str] = {}
    skipped: dict[str, str] = {}
    for order, spec in enumerate(specs):
        run, ended = workspace.run(spec.id), postponed.ended.get(spec.id)
        describe(run, spec.to_json())
        attempt, claim = next_attempt(workspace, run, head_of, ended)
        if claim is not None:
            skipped[spec.id] = claim
            continue
        record = WaitingRun(
            run=spec.id,
            after=attempt.number - 1,
            ended=ended is not None,
            tag=tag,
            settings=postponed.config.digest,
            order=order,
            created=created,
            host=socket.gethostname(),
            user=login_name(),
            resources=dataclasses.asdict(postponed.resources),
            options=postponed.options,
            code=code_snapshot.digest() or "",
            base=postponed.base,
            reason=postponed.reason,
        )
        waiting.write(workspace, record)
        put[spec.id] = postponed.reason
    return put, skipped


def of(workspace: Workspace, ids: Iterable[str]) -> dict[str, WaitingRun]:
    """The records of these runs that are not cancelled; unreadable ones are skipped."""
    found = {}
    for run_id in sorted({*waiting.run_ids(workspace)} & {*ids}):
        with skip_unreadable():
            record = waiting.read(workspace, run_id)
            if record is not None and not record.cancelled_by:
                found[run_id] = record
    return found


def cancel(workspace: Workspace, ids: Iterable[str]) -> Outcome:
    """Cancel what is still to be submitted of these runs; another user's is refused. Raises OSError.

    A run that has a job, or may have one, is not among the accepted ones: its job is to be cancelled too.
    """
    accepted: list[str] = []
    refused: dict[str, str] = {}
    head_of = submissions.cached_heads(workspace)
    with waiting.locked(workspace) as alone:  # no process submits them meanwhile
        for run_id, record in of(workspace, ids).items():
            if not waiting.is_own(workspace, run_id):
                refused[run_id] = f"it waits to be submitted by {record.user}, who can cancel it"
            elif not alone:
                refused[run_id] = "another process is submitting the waiting runs; try again in a minute"
            else:
                waits = is_still_waiting(record, *evidence.newest_attempt(workspace, run_id, head_of))
                waiting.cancel(workspace, record, login_name())
                accepted += [run_id] if waits else []
    return Outcome(accepted, refused)
