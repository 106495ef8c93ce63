"""Gather the unfinished runs and their histories, and decide what `resume` does with each; `show` prints the plan."""

from __future__ import annotations

import contextlib
import functools
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from attnctl.cli import context, output, run_selection
from attnctl.cli.refresh import Snapshot, take
from attnctl.cli.resuming.requirements import Requirements
from attnctl.cli.resuming.resources import more_time, next_destination
from attnctl.cli.run_filter import NO_FILTER, RunFilter, meeting
from attnctl.cli.sweeping.resource_options import ResourceOptions
from attnctl.cost import CostModel
from attnctl.lifecycle.advice import launch_held, queue_blocker
from attnctl.lifecycle.launch_failures import bad_nodes
from attnctl.lifecycle.resume_batch import plan
from attnctl.lifecycle.resume_policy import DEFAULT_MODES, Action, Decision, EndedAttempt, History, ResumeScope
from attnctl.lifecycle.state import State, Verdict
from attnctl.settings.config import Config
from attnctl.spec import RunSpec
from attnctl.units import plural, quantity
from attnctl.workspace.layout import Workspace
from attnctl.workspace.records import Cancel, Placed, RecordError, Request

if TYPE_CHECKING:
    from attnctl.db import Index, RunRow
    from attnctl.lifecycle.attempts import AttemptHistory


@dataclass(frozen=True, kw_only=True)
class ResumeRequest:
    """The options of the command. states: None for all. kept: the options that choose runs otherwise."""

    targets: Sequence[str]
    states: frozenset[State] | None
    force: bool
    max_attempts: int | None
    resources: ResourceOptions
    kept: RunFilter = NO_FILTER


@dataclass(kw_only=True)
class Case:
    """An unfinished run, and what is decided about it."""

    row: RunRow
    spec: RunSpec
    attempts: Sequence[AttemptHistory]
    history: History
    decision: Decision
    put_off: Request | None = None
    """What it was to be submitted with, if that was cancelled, or its base did not complete, before any job had it."""
    ended: int | None = None
    """The number of its newest attempt if the attempt's own job has put the run off: it counts as ended."""

    @property
    def request(self) -> Request | None:
        """What its newest attempt was submitted with, or was to be submitted with; None before the first."""
        return self.put_off or (self.attempts[-1].request if self.attempts else None)

    @property
    def state(self) -> State:
        """The state of its newest attempt."""
        return self.history.newest.state

    @property
    def left(self) -> float:
        """The part of its training that is left, from its newest checkpoint on."""
        return part_left(self.history, self.row.steps)


def part_left(history: History, steps: int | None) -> float:
    """The part of a training of so many steps that its newest checkpoint leaves."""
    return max(0.0, 1 - (history.checkpoint or 0) / steps) if steps else 1.0


@dataclass(kw_only=True)
class ResumePlan:
    """The plan. stuck: run id -> why the queued run can never start. held: runs that SLURM could not start and holds;
    they will be released. missing: the commands for runs that were never submitted. broken: error messages of runs
    whose files cannot be read. bad_nodes: a sentence for each node on which runs failed to launch. excluded: those of
    the nodes that the waiting jobs, queued, will not use either. cancelling: runs that have been cancelled and have
    not ended yet. unavailable: an error message of the scheduler."""

    cases: list[Case]
    total: int
    stuck: Mapping[str, str] = field(default_factory=dict)
    held: Sequence[Placed] = ()
    missing: Sequence[str] = ()
    broken: Sequence[str] = ()
    bad_nodes: Sequence[str] = ()
    excluded: Sequence[str] = ()
    queued: Sequence[Placed] = ()
    cancelling: Sequence[str] = ()
    unavailable: str | None = None

    @property
    def silent(self) -> bool:
        """Whether SLURM did not answer, so that runs may be missing from the plan."""
        from attnctl.jobs.slurm.commands import NO_ANSWER

        return NO_ANSWER in (self.unavailable or "")

    @property
    def waiting(self) -> int:
        """How many runs need confirmation."""
        return sum(case.decision.consent for case in self.cases)

    def agree(self) -> None:
        """Confirm all of them."""
        for case in self.cases:
            case.decision = replace(case.decision, consent=False)


# --------------------------------------------------------------------------------------------------------- gathering


def gather(config: Config, request: ResumeRequest) -> ResumePlan:
    """Query the scheduler once, read the histories and make the plan. Raises SpecError."""
    with context.index() as index:
        ids, named = _targets(config, request.targets)
        missing: list[str] = []
        now = take(config, index, ids)
        submitted = {row.id for row in now.rows}
        if request.kept.given:
            ids = meeting(config.workspace, now.rows, request.kept)
            now = take(config, index, ids)
        waiting = _waiting_for(index, ids)
        if ids is not None and waiting:
            now = take(config, index, [*ids, *waiting])
        sweeps = index.sweeps()
        spent = {sweep.name: index.further_attempts(sweep.runs) for sweep in sweeps}
        failed = {row.id for row in now.rows if launch_held(row.verdict)} if request.states is None else set()
        held = [item for item in index.placed() if item.run in failed] if failed else []
        verdicts = {row.id: row.verdict for row in now.rows}
        excluded = bad_nodes(((item.state, (item.node,)) for item in verdicts.values()), config.resume.same_error)
        queued = [item for item in index.placed() if excluded and _waits(item, verdicts)]
    members = {sweep.name: frozenset(sweep.runs) for sweep in sweeps}
    for sweep in sweeps if not request.targets else [item for item in sweeps if item.name in request.targets]:
        absent = [run for run in sweep.runs if run not in submitted]
        if absent:
            runs = f"{quantity(len(absent), 'run')} of {sweep.name} {plural(len(absent), 'was', 'were')}"
            missing.append(f"{runs} never submitted; type: {_command_line(sweep.command)}")
    cases, broken = _cases(config, now, request)
    scope = ResumeScope(
        force=request.force,
        named=named,
        states=request.states or (),
        max_attempts=request.max_attempts,
        memory=request.resources.mem is not None,
        other_gpu=request.resources.elsewhere,
    )
    while True:
        decisions = plan([case.history for case in cases], config.resume, scope, members, spent)
        for case, decision in zip(cases, decisions, strict=True):
            case.decision = decision
        if not _release_dependents(cases, request.resources):
            break
    stuck = {
        row.id: reason
        for row in now.rows
        if row.id not in failed and (reason := queue_blocker(row.verdict, row.job_id or "")) is not None
    }
    return ResumePlan(
        cases=cases,
        total=len(now.rows),
        stuck=stuck,
        held=held,
        missing=missing,
        broken=broken,
        bad_nodes=now.bad_nodes,
        excluded=excluded if queued else (),
        queued=queued,
        cancelling=[row.id for row in now.rows if _is_being_cancelled(config.workspace, row)],
        unavailable=now.unavailable,
    )


def _is_being_cancelled(workspace: Workspace, row: RunRow) -> bool:
    """Whether its newest attempt is active although its cancellation was accepted."""
    if not row.active or row.attempt is None:
        return False
    try:
        cancel = Cancel.read(workspace.run(row.id).attempt(row.attempt).cancel)
    except RecordError:
        return False
    return cancel is not None and cancel.accepted


def _waits(item: Placed, verdicts: Mapping[str, Verdict]) -> bool:
    """Whether an attempt is of a selected run and waits in SLURM's queue."""
    return item.where == "slurm" and item.run in verdicts and verdicts[item.run].state is State.QUEUED


def _waiting_for(index: Index, ids: Sequence[str] | None) -> list[str]:
    """The runs that wait for the selected ones (None: all) because they start from their weights."""
    if ids is None:
        return []
    bases = {
        row.id: row.spec.base
        for row in index.runs()
        if row.verdict.state is State.BASE_UNFINISHED and row.id not in ids
    }
    found: list[str] = []
    while more := [run for run, base in bases.items() if run not in found and base in {*ids, *found}]:
        found += more
    return found


def _release_dependents(cases: Sequence[Case], given: ResourceOptions) -> bool:
    """Note for the runs that wait for a base that this command submits that it is there; whether there were any."""
    starting = {case.row.id for case in cases if case.decision.starts and _goes_to_slurm(case, given)}
    released = [
        case
        for case in cases
        if case.state is State.BASE_UNFINISHED and case.history.missing and case.spec.base in starting
    ]
    for case in released:
        case.history = replace(case.history, missing="")
    return bool(released)


def _goes_to_slurm(case: Case, given: ResourceOptions) -> bool:
    where = given.run_on or (case.request.where if case.request is not None else case.row.place)
    return where == "slurm"


def _command_line(command: Sequence[str]) -> str:
    return shlex.join(["attnctl", *command])


def _targets(config: Config, targets: Sequence[str]) -> tuple[list[str] | None, frozenset[str]]:
    """The ids of the selected runs (None: all), and of those that count as named: runs named one by one, and of a named
    sweep those that Ctrl-C stopped."""
    if not targets:
        return None, frozenset()
    workspace = config.workspace
    resolved = [run_selection.target(workspace, word) for word in targets]
    ids = dict.fromkeys(run for target in resolved for run in target.runs)
    named = [
        run for target in resolved for run in target.runs if not target.sweep or _stopped_with_command(workspace, run)
    ]
    return list(ids), frozenset(named)


def _stopped_with_command(workspace: Workspace, run: str) -> bool:
    """Whether nobody cancelled the run's newest attempt, which the command that trained it on this machine ended."""
    attempts = workspace.run(run).attempts()
    with contextlib.suppress(RecordError):
        request = Request.read(attempts[-1].request) if attempts else None
        return request is not None and request.where == "local" and not attempts[-1].cancel.exists()
    return False


def _cases(config: Config, now: Snapshot, request: ResumeRequest) -> tuple[list[Case], list[str]]:
    from attnctl.lifecycle import attempts
    from attnctl.workspace import submissions, waiting

    workspace = config.workspace
    head_of = submissions.cached_heads(workspace)
    model = functools.cache(lambda: CostModel.of(workspace))
    requirements = Requirements(config)
    cases, broken = [], []
    for row in now.rows:
        state = row.verdict.state
        if state not in DEFAULT_MODES or (request.states is not None and state not in request.states):
            continue
        try:
            spec, run = row.spec, workspace.run(row.id)
            recorded = attempts.read(run, head_of)
            waiting_record = waiting.read(workspace, row.id)
        except RecordError as error:
            broken.append(f"{row.id}: {error}")
            continue
        past = attempts.history(run, spec, recorded)
        put_off = ended_attempt = None
        if waiting_record is not None and waiting_record.ended and past.newest.number == waiting_record.after:
            ended_attempt = waiting_record.after
        if state is not past.newest.state and waiting_record is not None:
            put_off = waiting_record.request()
            ended = EndedAttempt(number=past.newest.number, state=state, reason=row.verdict.reason)
            past = replace(past, attempts=[*past.attempts, ended])
        if recorded and state is State.TIMEOUT:
            continued = Decision(run=row.id, action=Action.CONTINUE)
            following = next_destination(
                config,
                recorded[-1].request,
                spec,
                continued,
                request.resources,
                model,
                part_left(past, row.steps),
            )
            past = replace(past, more_time=more_time(recorded[-1].request, following))
        past = replace(past, missing=requirements.still_missing(spec, past.newest))
        nothing = Decision(run=row.id, action=Action.NEVER)
        cases.append(
            Case(
                row=row,
                spec=spec,
                attempts=recorded,
                history=past,
                decision=nothing,
                put_off=put_off,
                ended=ended_attempt,
            )
        )
    _learn_memory(config.workspace, cases)
    return cases, broken


def _learn_memory(workspace: Workspace, cases: Sequence[Case]) -> None:
    """Take the memory limit from SLURM's accounting for out-of-memory runs that did not request one explicitly."""
    unknown = [
        case
        for case in cases
        if case.state is State.OUT_OF_MEMORY and case.history.newest.memory is None and case.row.place == "slurm"
    ]
    if not unknown:
        return
    from attnctl.jobs.slurm import accounting, job

    placed = {case.row.id: _placed(case) for case in unknown}
    jobs = job.of(workspace, placed.values())
    answers = accounting.query(list(jobs.values()))
    for case in unknown:
        known = jobs.get(placed[case.row.id])
        answer = answers.get(known) if known is not None else None
        if answer is not None and answer.memory_requested is not None:
            newest = replace(case.history.newest, memory=answer.memory_requested)
            case.history = replace(case.history, attempts=[*case.history.attempts[:-1], newest])


def _placed(case: Case) -> Placed:
    """The newest attempt of the run."""
    last = case.attempts[-1]
    return Placed(
        run=case.row.id,
        attempt=last.attempt.number,
        tag=last.request.tag,
        where=last.request.where,
        job_id=case.row.job_id,
        created=last.request.created,
    )


def release(config: Config, resume_plan: ResumePlan) -> None:
    """Release the held jobs, and cancel those of completed runs."""
    from attnctl.jobs.slurm import configuration
    from attnctl.jobs.slurm.release import cancel_surplus
    from attnctl.jobs.slurm.release import release as release_jobs

    messages = [release_jobs(config.workspace, resume_plan.held)] if resume_plan.held else []
    if configuration.available() and config.workspace.submission_tags():
        messages.append(cancel_surplus(config.workspace))
    for message in filter(None, messages):
        output.note(message)


def exclude(config: Config, resume_plan: ResumePlan) -> None:
    """Exclude the nodes on which many runs failed to launch from the jobs that wait."""
    from attnctl.jobs.slurm.exclusion import exclude as exclude_nodes

    if message := exclude_nodes(config.workspace, resume_plan.queued, resume_plan.excluded):
        output.note(message)
