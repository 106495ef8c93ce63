"""Submits the runs that were put off, as soon as SLURM takes them.

A run above a limit on submitted jobs (of the user, the account, the cluster, whoever has used it up), and a run whose
base has no job yet, has a record in the folder `waiting` of the workspace, with the resources and settings that it was
asked for with. `feed` submits what SLURM takes now, by the same protocol as any command: reserve, intent, sbatch, job
id (attnctl.jobs.submission.submit); then it deletes the records. It is called at the end of every job, by `attnctl
sweep`, by `attnctl resume` and by `attnctl feed`.

Of one user, one process at a time feeds. Killed at any point, the next one does the rest: a record counts until SLURM
has the run's job, and an attempt that never reached SLURM does not end it.

A job that ends still has its own place while it feeds, so it can fill only those of jobs that ended before. Where runs
are equally long, all jobs end together: then one of them stays until the others are gone, and fills their places.

No end of a job is missed. A process that cannot feed because another one does leaves a mark, and that one looks once
more. A command that has put off runs looks again afterwards (`feed_missed`), because a job that ended before their
records were written has not seen them. A job that gets no answer from SLURM tries again for some time.
"""

from __future__ import annotations

import json
import logging
import os
import shutil
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from attnctl.files import is_file_name, read_regular, reason, write_atomic
from attnctl.jobs.slurm.adopt import adopt
from attnctl.jobs.slurm.commands import CommandError, SlurmUnavailable
from attnctl.jobs.slurm.commands import run as run_command
from attnctl.jobs.slurm.observe import observe
from attnctl.jobs.submission import code_snapshot, previous_request
from attnctl.jobs.submission.submit import submit
from attnctl.jobs.submission.waiting_list import Postponed
from attnctl.lifecycle import base_run, evidence
from attnctl.lifecycle.resume_policy import normalised
from attnctl.lifecycle.state import NO_PLACE, State, Verdict, is_still_waiting
from attnctl.settings import config
from attnctl.spec import RunSpec
from attnctl.values import SpecError
from attnctl.workspace import submissions, waiting, waiting_searches
from attnctl.workspace.layout import Workspace
from attnctl.workspace.records import Placed, RecordError, Request, Submission, WaitingRun

log = logging.getLogger(__name__)


_TURN = 10.0
"""Seconds that a job waits while another process feeds; from its look at the other jobs to its end it takes less."""

_STAY = 120.0
"""Seconds that a job stays until others are gone whose runs have ended."""

_RETRY = 30.0
"""Seconds for which a job tries again if SLURM does not answer; on some clusters nodes never reach the controller."""

_INTERVAL = 3.0


@dataclass(kw_only=True)
class Fed:
    """What one call did.

    submitted: run id to its SLURM job, empty if SLURM has not confirmed it. tags: run id to its submission, for these.
    waiting: run id to the reason, for the runs that are still to be submitted. busy: another process feeds, so nothing
    was done.
    """

    submitted: dict[str, str] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    waiting: dict[str, str] = field(default_factory=dict)
    busy: bool = False
    full: bool = False
    """Whether one of them waits for a place."""
    unanswered: bool = False
    """Whether SLURM did not answer, so that another try may succeed."""


@dataclass(frozen=True)
class _Ready:
    """A run that can be submitted now, unless SLURM has no place for it."""

    record: WaitingRun
    spec: RunSpec


def feed(workspace: Workspace) -> Fed:
    """Submit the user's waiting runs that SLURM takes now. Raises OSError; what SLURM refuses is a reason.

    Runs whose settings act and are not trusted wait: a folder that came from elsewhere may contain waiting runs.
    """
    if not waiting.own(workspace):
        return Fed()
    waiting.leave_mark(workspace)
    with waiting.locked(workspace) as alone:
        if not alone:
            return Fed(busy=True)
        waiting.take_mark(workspace)
        fed = _feed(workspace, same_code=False)
        while waiting.take_mark(workspace):
            before, fed = fed, _feed(workspace, same_code=False)
            fed.submitted, fed.tags = before.submitted | fed.submitted, before.tags | fed.tags
        return fed


def feed_missed(workspace: Workspace, put_off: Collection[str]) -> Fed:
    """Called by a command that has put off these runs: submit them if what they wait for has happened meanwhile.

    A job that ended before their records were written has not seen them, and there may be no other job to end.
    """
    records = [record for record in waiting.own(workspace) if record.run in put_off]
    for_place = any(not record.base for record in records)
    due = (for_place and not _others_train(workspace, [])) or any(
        _base_is_ready(workspace, record) for record in records if record.base
    )
    return feed(workspace) if due else Fed()


def _base_is_ready(workspace: Workspace, record: WaitingRun) -> bool:
    try:
        return not _hindrance(workspace, record, workspace.run(record.run).read_spec(), same_code=False)
    except RecordError:
        return False


def _feed(workspace: Workspace, *, same_code: bool, vouched_for: str = "") -> Fed:
    """The same, by the process that holds the lock.

    vouched_for: the digest of settings that may act, since this is a job that was submitted with them.
    same_code: only runs that were put off by the code of this process, as for a job, which runs a snapshot.
    """
    fed = Fed()
    for records in _groups(workspace, fed, same_code=same_code):
        _submit(workspace, records, fed, vouched_for)
    waiting.remove_unused_settings(workspace, waiting_searches.tags(workspace))
    return fed


# ------------------------------------------------------------------------------------------------- at the end of a job


def may_feed(workspace: Workspace, error: str, limit: int) -> bool:
    """Whether a job that ended with this error before its first step may submit more; empty for a run that trained.

    Not after the same error in `limit` jobs in a row (0: no limit): the next run would fail the same way.
    """
    path = workspace.waiting_folder / f".failed-{os.geteuid()}"
    try:
        if not error:
            path.unlink(missing_ok=True)
            return True
        if not limit or not waiting.own(workspace):
            return True
        same = normalised(error)
        before = read_regular(path).decode(errors="replace").splitlines() if path.exists() else []
        count = 1 + (len(before) if before[:1] == [same] else 0)
        write_atomic(path, f"{same}\n".encode() * count)
    except OSError as failure:
        log.warning("%s", reason(failure))
        return True
    if count >= limit:
        log.info("the same error in %d jobs: no more runs are submitted by jobs; attnctl feed submits them", count)
    return count < limit


def feed_after_runs(
    workspace: Workspace, runs: Collection[str], stopped: Callable[[], object], *, vouched_for: str = ""
) -> None:
    """Called by a job when the exit records of its runs are written. Errors are logged: the runs have ended as they
    have.

    stopped: whether the job is to end at once. vouched_for: the digest of the settings that it was submitted with.
    """
    try:
        if waiting.own(workspace):
            _feed_after_runs(workspace, runs, stopped, vouched_for)
    except Exception as error:  # whatever it is
        log.warning("the waiting runs were not submitted: %s", reason(error))


def _feed_after_runs(
    workspace: Workspace, runs: Collection[str], stopped: Callable[[], object], vouched_for: str
) -> None:
    waiting.leave_mark(workspace)
    if not _has_turn(workspace):
        log.info("another process submits the waiting runs")
        return
    with waiting.locked(workspace, _TURN) as alone:
        if alone:
            waiting.take_mark(workspace)
        while alone:
            try:
                _feed_until_others_are_gone(workspace, runs, stopped, vouched_for)
            finally:
                _stays(workspace).unlink(missing_ok=True)  # before the look at the mark: who saw it has left one
            alone = waiting.take_mark(workspace)


def _feed_until_others_are_gone(
    workspace: Workspace, runs: Collection[str], stopped: Callable[[], object], vouched_for: str
) -> None:
    """Feed; then stay while a place is to come from jobs whose runs have ended, or while SLURM does not answer."""
    began = time.monotonic()
    while True:
        fed = _feed(workspace, same_code=True, vouched_for=vouched_for)
        if fed.submitted:
            log.info("submitted waiting runs: %s", ", ".join(fed.submitted))
        stay = _STAY if fed.full else _RETRY if fed.unanswered else 0.0
        if not stay or stopped() or _others_train(workspace, runs):
            return
        if time.monotonic() > began + stay:
            log.info("%d runs still wait, and no other job of this workspace submits them", len(fed.waiting))
            return
        _stays(workspace).touch()
        time.sleep(_INTERVAL)


def _has_turn(workspace: Workspace) -> bool:
    """Whether this job may have to feed; not if another one stays until this one is gone."""
    try:
        return time.time() - _stays(workspace).stat().st_mtime > 3 * _INTERVAL
    except FileNotFoundError:
        return True


def _stays(workspace: Workspace) -> Path:
    """A file that is touched while a job stays to fill the places of others."""
    return workspace.waiting_folder / f".staying-{os.geteuid()}"


def _others_train(workspace: Workspace, runs: Collection[str]) -> bool:
    """Whether another job of this workspace is queued or trains, so that it feeds when it ends."""
    try:
        lines = run_command(["squeue", "--me", "-h", "-r", "-o", "%i|%j|%T"]).splitlines()
    except CommandError:
        return False
    jobs = [line.split("|") for line in lines if line.count("|") == 2]
    return any(
        job_state != "COMPLETING" and workspace.submission(tag).is_file() and _trains(workspace, tag, job, runs)
        for job, tag, job_state in jobs
        if is_file_name(tag)
    )


def _trains(workspace: Workspace, tag: str, job: str, runs: Collection[str]) -> bool:
    """Whether a job of a submission is still to end a run, which is not one of the given ones."""
    submission = Submission.read(workspace.submission(tag))
    element = job.partition("_")[2]
    if submission is None or not element.isdecimal():
        return False
    for other, number in submissions.tasks_of(workspace, submission, int(element)):
        starts = workspace.run(other).attempt(number).incarnations()
        ended = starts and starts[-1].exit(0).exists() and not any(item.requeued for item in starts[-1].exits())
        if other not in runs and not ended:
            return True
    return False


# ---------------------------------------------------------------------------------------------------- what can be fed


def _groups(workspace: Workspace, fed: Fed, *, same_code: bool) -> list[list[_Ready]]:
    """The runs that can be submitted, together if they were asked for with the same settings and resources.

    Records of runs that are no longer waiting are deleted; the others are noted in `fed`.
    """
    records = waiting.own(workspace)
    _look_at_jobs(workspace, records)
    head_of = submissions.cached_heads(workspace)
    groups: dict[str, list[_Ready]] = {}
    for record in records:
        try:
            number, verdict = evidence.newest_attempt(workspace, record.run, head_of)
            if not is_still_waiting(record, number, verdict):
                if verdict is None or verdict.state is not State.SUBMITTING:
                    waiting.remove(workspace, record.run)
                continue
            spec = workspace.run(record.run).read_spec()
            hindrance = _hindrance(workspace, record, spec, same_code=same_code)
        except RecordError as error:
            hindrance = str(error)
        if hindrance:
            fed.waiting[record.run] = hindrance
        else:
            key = json.dumps([record.tag, record.settings, record.resources, record.options], sort_keys=True)
            groups.setdefault(key, []).append(_Ready(record, spec))
    return list(groups.values())


def _look_at_jobs(workspace: Workspace, records: Sequence[WaitingRun]) -> None:
    """Ask SLURM about the runs' newest attempts: their jobs may exist although a killed process did not record them,
    or may have been started again. Without an answer nothing changes."""
    head_of = submissions.cached_heads(workspace)
    placed: list[Placed] = []
    unknown: list[Placed] = []
    for record in records:
        try:
            number, verdict = evidence.newest_attempt(workspace, record.run, head_of)
            item = _placed(workspace, record.run, number) if number else None
        except RecordError:
            continue
        if item is None or (number <= record.after and record.ended):
            continue
        (unknown if _is_submitting(verdict) else placed).append(item)
    if unknown:
        adopt(workspace, unknown)
    if placed:
        observe(workspace, placed)


def _is_submitting(verdict: Verdict | None) -> bool:
    return verdict is not None and verdict.state is State.SUBMITTING


def _placed(workspace: Workspace, run_id: str, number: int) -> Placed | None:
    request = Request.read(workspace.run(run_id).attempt(number).request)
    if request is None:
        return None
    return Placed(
        run=run_id,
        attempt=number,
        tag=request.tag,
        where=request.where,
        job_id=submissions.job_of(workspace, request.tag, run_id),
        created=request.created,
    )


def _hindrance(workspace: Workspace, record: WaitingRun, spec: RunSpec, *, same_code: bool) -> str:
    """Why the run cannot be submitted now, whatever places SLURM has; empty if nothing is known."""
    base = base_run.unfinished(workspace, spec)
    if base is not None and not (base.continues and base.job):
        return str(base)
    if same_code and record.code != (code_snapshot.digest() or ""):
        return "it was asked for with another version of attnctl's code"
    return ""


# ------------------------------------------------------------------------------------------------------- submitting


def _submit(workspace: Workspace, ready: Sequence[_Ready], fed: Fed, vouched_for: str) -> None:
    records = {item.record.run: item.record for item in ready}
    first = ready[0].record
    try:
        # The record says which settings are meant, but anybody may have written it: it does not make them act.
        settings = config.frozen(
            workspace.root,
            workspace.waiting_settings(first.tag),
            first.settings,
            vouched_for=bool(vouched_for) and first.settings == vouched_for,
        )
        done = submit(
            settings,
            [item.spec for item in ready],
            previous_request.resources(first.request()),
            previous_request.unchanged(settings, first.options, ready[0].spec),
            "slurm",
            ended={run: record.after for run, record in records.items() if record.ended},
            put_off=lambda postponed, specs: _keep(workspace, records, postponed, specs),
            cautious=True,
        )
    except SpecError as error:
        for record in records.values():
            _note(workspace, record, str(error))
            fed.waiting[record.run] = str(error)
        fed.unanswered = fed.unanswered or (isinstance(error, SlurmUnavailable) and shutil.which("sbatch") is not None)
        return
    for part in done:
        fed.waiting |= part.waiting
        fed.full = fed.full or any(why.startswith(NO_PLACE) for why in part.waiting.values())
        for task, (run, _) in enumerate(part.tasks):
            fed.submitted[run], fed.tags[run] = part.job_of(task), part.tag
        fed.unanswered = fed.unanswered or bool(part.tasks and part.job_id is None)


def _keep(
    workspace: Workspace, records: Mapping[str, WaitingRun], postponed: Postponed, specs: Sequence[RunSpec]
) -> tuple[dict[str, str], dict[str, str]]:
    """Leave the records of these runs as they are, but for the reason."""
    for spec in specs:
        _note(workspace, records[spec.id], postponed.reason)
    return {spec.id: postponed.reason for spec in specs}, {}


def _note(workspace: Workspace, record: WaitingRun, why: str) -> None:
    if record.reason != why:
        waiting.write(workspace, replace(record, reason=why))
