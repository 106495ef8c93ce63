"""The plan of `resume`, for a terminal and as JSON."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from attnctl.cli import output
from attnctl.cli.resuming.candidates import Case, Found
from attnctl.cli.sweeping.launch import Job
from attnctl.cli.table_layout import Column
from attnctl.lifecycle.resume_batch import errors
from attnctl.units import duration, plural, quantity

COLUMNS = (
    Column("run", optional=True),
    Column("module", settings=True, shrink=16, optional=True),
    Column("backbone", once=True, shrink=12, drop=3, optional=True),
    Column("seed", once=True, drop=2, optional=True),
    Column("ended", optional=True),
    Column("evidence", free=True, optional=True),
    Column("checkpoint", optional=True),
    Column("lost", drop=5, optional=True),
    Column("left", drop=4, optional=True),
    Column("action", free=True),
)


def show(found: Found) -> None:
    """Print the plan."""
    if found.unavailable:
        output.note(found.unavailable)
    for words in (*found.missing, *found.broken):
        output.note(words)
    rows = [_cells(case) for case in found.cases]
    if rows:
        output.table(COLUMNS, rows)
    for error, runs in errors([case.history for case in found.cases]).items():
        output.prose(
            f"the same in {len(runs)} runs ({', '.join(run[:8] for run in runs[:4])}"
            f"{' ...' if len(runs) > 4 else ''}): {error}"
        )
    for run, words in found.stuck.items():
        output.prose(f"{run[:8]} can never start: {words}")
    for item in found.held:
        output.prose(f"{item.run[:8]} release: SLURM could not start it, and holds it")
    output.prose(totals(found))


def totals(found: Found) -> str:
    """Such as `3 of 40 runs ended before their time: 2 continue, 1 only with --force`."""
    if not found.cases:
        if not found.total:
            return "nothing to resume: there are no runs"
        return f"nothing to resume: none of {quantity(found.total, 'run')} ended before its time"
    words = ["waiting for consent" if case.decision.consent else str(case.decision.action) for case in found.cases]
    counted = ", ".join(f"{words.count(word)} {word}" for word in dict.fromkeys(words))
    ended, their = len(found.cases), plural(len(found.cases), "its", "their")
    return f"{ended} of {quantity(found.total, 'run')} ended before {their} time: {counted}"


def _cells(case: Case) -> list[str]:
    newest, decision = case.history.newest, case.decision
    lost, left = _seconds(case)
    reason = output.one_line(newest.reason or newest.error)
    there = case.history.checkpoint
    steps = case.row.steps
    attempts = f" (attempt {newest.number})" if newest.number > 1 else ""
    verb = "waiting for consent" if decision.consent else str(decision.action)
    return [
        case.row.id[:8],
        case.row.label,
        case.row.network,
        str(case.row.seed),
        f"{newest.state}{attempts}",
        reason,
        "none" if there is None else f"step {there} of {steps}" if steps else f"step {there}",
        duration(lost) if lost is not None else "",
        duration(left) if left is not None else "",
        f"{verb}: {decision.reason}" if decision.reason else verb,
    ]


def _seconds(case: Case) -> tuple[float | None, float | None]:
    from attnctl.lifecycle import attempts

    left = attempts.seconds_left(case.told, case.spec, case.history.checkpoint)
    if case.history.gone is not None:
        return None, left
    return attempts.seconds_lost(case.told), left


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
                "words": case.decision.reason,
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
