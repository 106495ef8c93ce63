"""`attnctl cancel`: cancel runs."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from attnctl.cli import completion, context, output, run_selection
from attnctl.units import quantity
from attnctl.values import SpecError


def cancel(
    target: Annotated[
        str,
        typer.Argument(
            metavar="RUN|SWEEP", help="A run's id or a sweep's name.", autocompletion=completion.runs_and_sweeps
        ),
    ],
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    as_json: context.AsJson = False,
) -> None:
    """Cancel runs, or all runs of a sweep.

    Checkpoints are kept. A cancelled run continues only when `attnctl resume` names it.

    Examples:
        attnctl cancel 3fa2
        attnctl cancel ela-digits --yes
    """
    from attnctl.cli.refresh import take
    from attnctl.jobs.slurm.cancel import cancel as ask_for_the_end

    config = context.config()
    with context.index() as index:
        index.refresh()
        ids = run_selection.target(config.workspace, target).runs
        active = {row.id for row in take(config, index, ids).rows if row.verdict.state.active}
        placed = [item for item in index.placed() if item.run in active]
    if placed and not yes:
        _confirm(len(placed), target)
    words = ask_for_the_end(config.workspace, placed) if placed else None
    if words:
        output.note(words)
    if as_json:
        output.document({"runs": [item.run for item in placed], "unavailable": words})
    else:
        runs = quantity(len(ids), "run")
        output.line(f"cancelling {len(placed)} of {runs}" if placed else f"nothing to cancel: none of {runs} is active")


def _confirm(count: int, target: str) -> None:
    if not output.is_terminal(sys.stdin):
        raise SpecError(f"this cancels {quantity(count, 'run')} of {target}; add --yes to confirm")
    typer.confirm(f"Cancel {quantity(count, 'run')} of {target}?", abort=True)
