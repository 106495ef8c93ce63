"""`attnctl cancel`: cancel runs."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Annotated

import typer

from attnctl.cli import completion, context, output, run_selection
from attnctl.cli.option_groups import Shown
from attnctl.cli.run_filter import RunFilter, meeting
from attnctl.units import quantity
from attnctl.values import SpecError


def cancel(
    target: Annotated[
        str,
        typer.Argument(
            metavar="RUN|SWEEP", help="A run's id or a sweep's name.", autocompletion=completion.runs_and_sweeps
        ),
    ],
    *,
    kept: Annotated[RunFilter, Shown()],
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    as_json: context.AsJson = False,
) -> int:
    """Cancel runs, or all runs of a sweep.

    Runs that wait for a place in the queue are not submitted any more. Checkpoints are kept. A cancelled run continues
    only when `attnctl resume` names it. Runs that SLURM does not cancel are listed with the reason, and the exit code
    is 1.

    Examples:
        attnctl cancel 3fa2
        attnctl cancel ela-digits --yes
        attnctl cancel ela-digits --module se --state queued
    """
    from attnctl.cli.refresh import take
    from attnctl.jobs.slurm.cancel import Outcome
    from attnctl.jobs.slurm.cancel import cancel as ask_for_the_end
    from attnctl.jobs.submission import waiting_list

    config = context.config()
    outcome = Outcome([], {})
    with context.index() as index:
        index.refresh()
        ids = run_selection.target(config.workspace, target).runs
        if kept.given:
            ids = meeting(config.workspace, take(config, index, ids).rows, kept)
        active = {row.id for row in take(config, index, ids).rows if row.active}
        waits = set(waiting_list.of(config.workspace, ids))
        if active | waits and not yes:
            _confirm(len(active | waits), target)
        if waits:
            outcome = waiting_list.cancel(config.workspace, ids)
            take(config, index, ids)  # one of them may have been submitted meanwhile
        placed = [item for item in index.placed() if item.run in active and item.run not in outcome.accepted]
    jobs = ask_for_the_end(config.workspace, placed)
    outcome = Outcome([*outcome.accepted, *jobs.accepted], outcome.refused | jobs.refused)
    for reason, runs in _by_reason(outcome.refused).items():
        output.note(f"not cancelled: {', '.join(runs)}: {reason}")
    if as_json:
        output.document({"runs": outcome.accepted, "refused": outcome.refused})
        return int(bool(outcome.refused))
    total = quantity(len(ids), "run")
    if outcome.accepted or outcome.refused:
        output.line(f"cancelling {len(outcome.accepted)} of {total}")
    else:
        output.line(f"nothing to cancel: none of {total} is active")
    return int(bool(outcome.refused))


def _by_reason(refused: Mapping[str, str]) -> dict[str, list[str]]:
    reasons: dict[str, list[str]] = {}
    for run, reason in refused.items():
        reasons.setdefault(reason, []).append(run[:8])
    return reasons


def _confirm(count: int, target: str) -> None:
    if not output.is_terminal(sys.stdin):
        raise SpecError(f"this cancels {quantity(count, 'run')} of {target}; add --yes to confirm")
    typer.confirm(f"Cancel {quantity(count, 'run')} of {target}?", abort=True)
