"""What `resume` does: gather the runs and their histories, decide, print the plan, submit, and here also train."""

from __future__ import annotations

import functools
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from attnctl.advice import held_back, queue_words
from attnctl.cli import context, output, sweeps
from attnctl.cli.again import Given, Shape, more_time, shape
from attnctl.cli.complete import sweep_names
from attnctl.cli.estimate import duration
from attnctl.cli.launch import Job
from attnctl.cli.snapshot import Snapshot, take
from attnctl.config import Config
from attnctl.policy import Action, Asked, Decision, History
from attnctl.records import Placed, RecordError
from attnctl.spec import RunSpec
from attnctl.state import State
from attnctl.triage import errors, plan
from attnctl.values import SpecError

if TYPE_CHECKING:
    from db import Index, RunRow
    from jobs.history import Told

COLUMNS = ("run", "module", "backbone", "seed", "ended", "evidence", "checkpoint", "lost", "left", "action")
_LONGEST = 70


@dataclass(frozen=True, kw_only=True)
class Wish:
    """What the command asks for. states: None for all."""

    targets: Sequence[str]
    states: frozenset[State] | None
    force: bool
    max_attempts: int | None
    given: Given


@dataclass(kw_only=True)
class Case:
    """A run that ended before its time."""

    row: RunRow
    spec: RunSpec
    told: Sequence[Told]
    history: History
    decision: Decision
    shape: Shape | None = None

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


def gather(config: Config, wish: Wish) -> Found:
    """Ask the scheduler once, read the histories, and decide. Raises SpecError."""
    with context.index() as index:
        ids, named, missing = _meant(config, index, wish.targets)
        now = take(config, index, ids)
        known = index.sweeps()
        spent = {sweep.name: index.further_attempts(sweep.runs) for sweep in known}
        failed = {row.id for row in now.rows if held_back(row.verdict)} if wish.states is None else set()
        held = [item for item in index.placed() if item.run in failed] if failed else []
    members = {sweep.name: frozenset(sweep.runs) for sweep in known}
    there = {row.id for row in now.rows}
    for sweep in known if not wish.targets else [item for item in known if item.name in wish.targets]:
        absent = [run for run in sweep.runs if run not in there]
        if absent:
            missing.append(f"{len(absent)} runs of {sweep.name} were never reserved: {_typed(sweep.command)}")
    cases, broken = _cases(config, now, wish)
    asked = Asked(
        force=wish.force,
        named=named,
        states=wish.states or (),
        max_attempts=wish.max_attempts,
        memory=wish.given.mem is not None,
        place=wish.given.place,
    )
    decisions = plan([case.history for case in cases], config.resume, asked, members, spent)
    for case, decision in zip(cases, decisions, strict=True):
        case.decision = decision
    stuck = {
        row.id: words
        for row in now.rows
        if row.id not in failed and (words := queue_words(row.verdict, row.job_id or "")) is not None
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


def _meant(config: Config, index: Index, targets: Sequence[str]) -> tuple[list[str] | None, frozenset[str], list[str]]:
    """The ids of the runs that are meant (None: all), those of them that were named one by one, and room for words."""
    if not targets:
        return None, frozenset(), []
    names = set(sweep_names(config.workspace))
    ids: dict[str, None] = {}
    named: set[str] = set()
    for target in targets:
        if target in names:
            ids |= dict.fromkeys(sweeps.read(config.workspace, target).runs)
            continue
        try:
            if not named:
                index.refresh()
            run = index.find_run(target)
        except SpecError as error:
            raise SpecError(f"{error} (and there is no sweep of that name)") from error
        named.add(run)
        ids[run] = None
    return list(ids), frozenset(named), []


def _cases(config: Config, now: Snapshot, wish: Wish) -> tuple[list[Case], list[str]]:
    from jobs import history, submissions

    workspace = config.workspace
    head_of = functools.cache(lambda tag: submissions.head(workspace.submission(tag)))
    cases, broken = [], []
    for row in now.rows:
        state = row.verdict.state
        if state is State.COMPLETED or state.active or (wish.states is not None and state not in wish.states):
            continue
        try:
            spec, run = row.spec, workspace.run(row.id)
            told = history.read(run, head_of)
        except RecordError as error:
            broken.append(f"{row.id}: {error}")
            continue
        past = history.history(run, spec, told)
        if told and state is State.TIMEOUT:
            next_one = shape(config, told[-1].request, spec, Decision(run=row.id, action=Action.CONTINUE), wish.given)
            past = replace(past, more_time=more_time(told[-1].request, next_one))
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
    from jobs import usage

    jobs = {case.row.job_id: case.told[-1].request.tag for case in unknown if case.row.job_id}
    answers = usage.ask(jobs, min(case.told[-1].request.created for case in unknown))
    for case in unknown:
        answer = answers.get(case.row.job_id or "")
        if answer is not None and answer.memory_asked is not None:
            newest = replace(case.history.newest, memory=answer.memory_asked)
            case.history = replace(case.history, attempts=[*case.history.attempts[:-1], newest])


# ---------------------------------------------------------------------------------------------------------- showing


def show(found: Found) -> None:
    """Print the plan."""
    if found.unavailable:
        output.note(found.unavailable)
    for words in (*found.missing, *found.broken):
        output.note(words)
    rows = [_cells(case) for case in found.cases]
    kept = [k for k, name in enumerate(COLUMNS) if name == "action" or any(row[k] for row in rows)]
    if rows:
        output.table([COLUMNS[k] for k in kept], [[row[k] for k in kept] for row in rows])
    for error, runs in errors([case.history for case in found.cases]).items():
        output.line(
            f"the same in {len(runs)} runs ({', '.join(run[:8] for run in runs[:4])}"
            f"{' ...' if len(runs) > 4 else ''}): {error}"
        )
    for run, words in found.stuck.items():
        output.line(f"{run[:8]} waits in vain: {words}")
    for item in found.held:
        output.line(f"{item.run[:8]} release: SLURM could not start it, and holds it")
    output.line(totals(found))


def release(config: Config, found: Found) -> None:
    """Let the held jobs go."""
    from jobs.release import release as let_go

    if words := let_go(config.workspace, found.held):
        output.note(words)


def totals(found: Found) -> str:
    """Such as `3 of 40 runs ended before their time: 2 continue, 1 only with --force`."""
    if not found.cases:
        return f"none of {found.total} runs ended before its time: nothing to resume"
    words = ["waits for consent" if case.decision.consent else str(case.decision.action) for case in found.cases]
    counted = ", ".join(f"{words.count(word)} {word}" for word in dict.fromkeys(words))
    return f"{len(found.cases)} of {found.total} runs ended before their time: {counted}"


def _cells(case: Case) -> list[str]:
    newest, decision = case.history.newest, case.decision
    lost, left = _seconds(case)
    reason = output.one_line(newest.reason or newest.error)
    there = case.history.checkpoint
    steps = case.row.steps
    attempts = f" (attempt {newest.number})" if newest.number > 1 else ""
    verb = "waits for consent" if decision.consent else str(decision.action)
    return [
        case.row.id[:8],
        case.row.label,
        case.row.network,
        str(case.row.seed),
        f"{newest.state}{attempts}",
        reason if len(reason) <= _LONGEST else reason[: _LONGEST - 4] + " ...",
        ("none" if there is None else f"step {there}") + (f" of {steps}" if steps else ""),
        duration(lost) if lost is not None else "",
        duration(left) if left is not None else "",
        f"{verb}: {decision.words}" if decision.words else verb,
    ]


def _seconds(case: Case) -> tuple[float | None, float | None]:
    from jobs import history

    left = history.seconds_left(case.told, case.spec, case.history.checkpoint)
    if case.history.gone is not None:
        return None, left
    return history.seconds_lost(case.told), left


def in_json(found: Found, jobs: Mapping[str, Job]) -> dict[str, Any]:
    """The plan, and what was submitted, as JSON values."""
    runs = []
    for case in found.cases:
        lost, left = _seconds(case)
        job = jobs.get(case.row.id, Job())
        runs.append(
            {
                "id": case.row.id,
                "label": case.row.label,
                "state": str(case.state),
                "reason": case.history.newest.reason,
                "attempts": len(case.history.attempts),
                "checkpoint": case.history.checkpoint,
                "checkpoint_gone": case.history.gone,
                "steps": case.row.steps,
                "seconds_lost": lost,
                "seconds_left": left,
                "action": str(case.decision.action),
                "starts": case.decision.starts,
                "consent": case.decision.consent,
                "words": case.decision.words,
                "tag": job.tag or None,
                "job_id": job.job_id or None,
                "skipped": job.words or None,
            }
        )
    same = errors([case.history for case in found.cases])
    return {
        "runs": runs,
        "total": found.total,
        "errors": [{"error": error, "runs": runs} for error, runs in same.items()],
        "stuck": dict(found.stuck),
        "held": [item.run for item in found.held],
        "missing": list(found.missing),
        "broken": list(found.broken),
        "unavailable": found.unavailable,
    }
