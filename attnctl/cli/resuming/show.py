"""The plan of `resume`, for a terminal and as JSON."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from attnctl.cli import output
from attnctl.cli.resuming.candidates import Case, ResumePlan
from attnctl.cli.sweeping.submitted import Job
from attnctl.cli.table_layout import Column
from attnctl.lifecycle.launch_failures import name_runs
from attnctl.lifecycle.resume_batch import errors
from attnctl.units import duration, plural, quantity
from attnctl.values import comma_join

COLUMNS = (
    Column("run", optional=True),
    Column("module", settings=True, shrink=16, optional=True),
    Column("backbone", once=True, shrink=12, drop=3, optional=True),
    Column("seed", once=True, drop=2, optional=True),
    Column("ended", optional=True),
    Column("reason", free=True, optional=True),
    Column("checkpoint", optional=True),
    Column("lost", drop=5, optional=True),
    Column("left", drop=4, optional=True),
    Column("action", free=True),
)


def show(resume_plan: ResumePlan) -> None:
    """Print the plan."""
    if resume_plan.unavailable:
        output.note(resume_plan.unavailable)
    for words in (*resume_plan.missing, *resume_plan.broken):
        output.note(words)
    rows = [_cells(case) for case in resume_plan.cases]
    if rows:
        output.table(COLUMNS, rows)
    for error, runs in errors([case.history for case in resume_plan.cases]).items():
        output.prose(f"the same error in {name_runs(runs)}: {error}")
    for sentence in resume_plan.bad_nodes:
        output.prose(sentence)
    if resume_plan.excluded:
        output.prose(
            f"{quantity(len(resume_plan.queued), 'waiting run')} will not use {comma_join(resume_plan.excluded)}"
        )
    for run, words in resume_plan.stuck.items():
        output.prose(f"{run[:8]} can never start: {words}")
    if resume_plan.held:
        ids = [item.run for item in resume_plan.held]
        output.prose(
            f"{name_runs(ids)} will be released: SLURM could not start {plural(len(ids), 'its job', 'their jobs')} "
            f"and holds {plural(len(ids), 'it', 'them')}"
        )
    if resume_plan.cases or not resume_plan.cancelling:
        output.prose(totals(resume_plan))
    if resume_plan.cancelling:
        count = len(resume_plan.cancelling)
        output.prose(
            f"{quantity(count, 'run')} {plural(count, 'is', 'are')} still being cancelled; try again in a minute"
        )


def totals(resume_plan: ResumePlan) -> str:
    """Such as `3 of 40 runs ended before completion: 2 continue, 1 needs --force`; active runs are not among the 3."""
    if not resume_plan.cases:
        if not resume_plan.total:
            where = "these runs were never submitted" if resume_plan.missing else "this workspace has no runs"
            return f"Nothing to resume: {where}."
        return f"Nothing to resume: no interrupted or failed runs among {quantity(resume_plan.total, 'run')}."
    actions = [_action(case) for case in resume_plan.cases]
    counted = ", ".join(f"{actions.count(action)} {action}" for action in dict.fromkeys(actions))
    return f"{len(resume_plan.cases)} of {quantity(resume_plan.total, 'run')} ended before completion: {counted}"


def _action(case: Case) -> str:
    return "needs confirmation" if case.decision.consent else str(case.decision.action)


def _cells(case: Case) -> list[str]:
    newest, decision = case.history.newest, case.decision
    lost, left = _seconds(case)
    reason = output.one_line(newest.reason or newest.error)
    checkpoint = case.history.checkpoint
    steps = case.row.steps
    attempts = f" (attempt {newest.number})" if newest.number > 1 else ""
    return [
        case.row.id[:8],
        case.row.label,
        case.row.network,
        str(case.row.seed),
        f"{newest.state}{attempts}",
        reason,
        "none" if checkpoint is None else f"step {checkpoint}" + (f" of {steps}" if steps else ""),
        duration(lost) if lost is not None else "",
        duration(left) if left is not None else "",
        ": ".join(filter(None, (_action(case), decision.reason))),
    ]


def _seconds(case: Case) -> tuple[float | None, float | None]:
    from attnctl.lifecycle import attempts

    left = attempts.seconds_left(case.attempts, case.spec, case.history.checkpoint)
    if case.history.gone is not None:
        return None, left
    return attempts.seconds_lost(case.attempts), left


def in_json(resume_plan: ResumePlan, jobs: Mapping[str, Job]) -> dict[str, Any]:
    """The plan, and what was submitted, as JSON values."""
    runs = []
    for case in resume_plan.cases:
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
                "words": case.decision.reason,
                "tag": job.tag or None,
                "job_id": job.job_id or None,
                "skipped": job.refusal or None,
                "waiting": job.waits or None,
            }
        )
    same = errors([case.history for case in resume_plan.cases])
    return {
        "runs": runs,
        "total": resume_plan.total,
        "errors": [{"error": error, "runs": runs} for error, runs in same.items()],
        "stuck": dict(resume_plan.stuck),
        "excluded": {"nodes": list(resume_plan.excluded), "runs": [item.run for item in resume_plan.queued]},
        "held": [item.run for item in resume_plan.held],
        "cancelling": list(resume_plan.cancelling),
        "missing": list(resume_plan.missing),
        "broken": list(resume_plan.broken),
        "unavailable": resume_plan.unavailable,
    }
