"""What `resume` does: gather the runs and their histories, and decide. How the plan is told: see `resume_plan`."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from attnctl.cli import context, output, run_selection
from attnctl.cli.refresh import Snapshot, take
from attnctl.cli.resuming.resources import more_time, next_destination
from attnctl.cli.sweeping.resource_options import ResourceOptions
from attnctl.lifecycle.advice import launch_held, queue_blocker
from attnctl.lifecycle.resume_batch import plan
from attnctl.lifecycle.resume_policy import Action, Decision, History, ResumeScope
from attnctl.lifecycle.state import State
from attnctl.settings.config import Config
from attnctl.spec import RunSpec
from attnctl.units import plural, quantity
from attnctl.workspace.records import Placed, RecordError

if TYPE_CHECKING:
    from attnctl.db import RunRow
    from attnctl.lifecycle.attempts import AttemptHistory


@dataclass(frozen=True, kw_only=True)
class ResumeRequest:
    """What the command asks for. states: None for all."""

    targets: Sequence[str]
    states: frozenset[State] | None
    force: bool
    max_attempts: int | None
    resources: ResourceOptions


@dataclass(kw_only=True)
class Case:
    """A run that ended before its time."""

    row: RunRow
    spec: RunSpec
    told: Sequence[AttemptHistory]
    history: History
    decision: Decision

    @property
    def state(self) -> State:
        """How its newest attempt ended."""
        return self.history.newest.state


@dataclass(kw_only=True)
class Found:
    """The plan. stuck: run id to words, of runs that wait for what will not come; held: those that SLURM could not
    start and holds, which are to be released; missing: what to type for runs that were never submitted; broken: words
    of runs whose files cannot be read."""

    cases: list[Case]
    total: int
    stuck: Mapping[str, str] = field(default_factory=dict)
    held: Sequence[Placed] = ()
    missing: Sequence[str] = ()
    broken: Sequence[str] = ()
    unavailable: str | None = None

    @property
    def waiting(self) -> int:
        """How many runs wait for consent."""
        return sum(case.decision.consent for case in self.cases)

    def agree(self) -> None:
        """Consent for all of them."""
        for case in self.cases:
            case.decision = replace(case.decision, consent=False)


# --------------------------------------------------------------------------------------------------------- gathering


def gather(config: Config, wish: ResumeRequest) -> Found:
    """Ask the scheduler once, read the histories, and decide. Raises SpecError."""
    with context.index() as index:
        ids, named, missing = _meant(config, wish.targets)
        now = take(config, index, ids)
        known = index.sweeps()
        spent = {sweep.name: index.further_attempts(sweep.runs) for sweep in known}
        failed = {row.id for row in now.rows if launch_held(row.verdict)} if wish.states is None else set()
        held = [item for item in index.placed() if item.run in failed] if failed else []
    members = {sweep.name: frozenset(sweep.runs) for sweep in known}
    there = {row.id for row in now.rows}
    for sweep in known if not wish.targets else [item for item in known if item.name in wish.targets]:
        absent = [run for run in sweep.runs if run not in there]
        if absent:
            were = f"{quantity(len(absent), 'run')} of {sweep.name} {plural(len(absent), 'was', 'were')}"
            missing.append(f"{were} never submitted; type: {_typed(sweep.command)}")
    cases, broken = _cases(config, now, wish)
    asked = ResumeScope(
        force=wish.force,
        named=named,
        states=wish.states or (),
        max_attempts=wish.max_attempts,
        memory=wish.resources.mem is not None,
        other_gpu=wish.resources.elsewhere,
    )
    decisions = plan([case.history for case in cases], config.resume, asked, members, spent)
    for case, decision in zip(cases, decisions, strict=True):
        case.decision = decision
    stuck = {
        row.id: words
        for row in now.rows
        if row.id not in failed and (words := queue_blocker(row.verdict, row.job_id or "")) is not None
    }
    return Found(
        cases=cases,
        total=len(now.rows),
        stuck=stuck,
        held=held,
        missing=missing,
        broken=broken,
        unavailable=now.words,
    )


def _typed(command: Sequence[str]) -> str:
    return shlex.join(["attnctl", *command])


def _meant(config: Config, targets: Sequence[str]) -> tuple[list[str] | None, frozenset[str], list[str]]:
    """The ids of the runs that are meant (None: all), those of them that were named one by one, and room for words."""
    if not targets:
        return None, frozenset(), []
    found = [run_selection.target(config.workspace, word) for word in targets]
    ids = dict.fromkeys(run for meant in found for run in meant.runs)
    named = [run for meant in found if not meant.sweep for run in meant.runs]
    return list(ids), frozenset(named), []


def _cases(config: Config, now: Snapshot, wish: ResumeRequest) -> tuple[list[Case], list[str]]:
    from attnctl.lifecycle import attempts
    from attnctl.workspace import submissions

    workspace = config.workspace
    head_of = submissions.cached_heads(workspace)
    cases, broken = [], []
    for row in now.rows:
        state = row.verdict.state
        if state is State.COMPLETED or state.active or (wish.states is not None and state not in wish.states):
            continue
        try:
            spec, run = row.spec, workspace.run(row.id)
            told = attempts.read(run, head_of)
        except RecordError as error:
            broken.append(f"{row.id}: {error}")
            continue
        past = attempts.history(run, spec, told)
        if told and state is State.TIMEOUT:
            continued = Decision(run=row.id, action=Action.CONTINUE)
            following = next_destination(config, told[-1].request, spec, continued, wish.resources)
            past = replace(past, more_time=more_time(told[-1].request, following))
        nothing = Decision(run=row.id, action=Action.NEVER)
        cases.append(Case(row=row, spec=spec, told=told, history=past, decision=nothing))
    _learn_memory(cases)
    return cases, broken


def _learn_memory(cases: Sequence[Case]) -> None:
    """Of runs that were out of memory and did not say how much they ask for, SLURM knows what it gave them."""
    unknown = [
        case
        for case in cases
        if case.state is State.OUT_OF_MEMORY and case.history.newest.memory is None and case.row.place == "slurm"
    ]
    if not unknown:
        return
    from attnctl.jobs.slurm import accounting

    jobs = {case.row.job_id: case.told[-1].request.tag for case in unknown if case.row.job_id}
    answers = accounting.ask(jobs, min(case.told[-1].request.created for case in unknown))
    for case in unknown:
        answer = answers.get(case.row.job_id or "")
        if answer is not None and answer.memory_asked is not None:
            newest = replace(case.history.newest, memory=answer.memory_asked)
            case.history = replace(case.history, attempts=[*case.history.attempts[:-1], newest])


def release(config: Config, found: Found) -> None:
    """Let the held jobs go."""
    from attnctl.jobs.slurm.release import release as let_go

    if words := let_go(config.workspace, found.held):
        output.note(words)
