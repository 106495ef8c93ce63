"""`attnctl rm`: remove a sweep, and with --runs its runs."""

from __future__ import annotations

import sys
from collections.abc import Collection
from typing import TYPE_CHECKING, Annotated

import typer

from attnctl.cli import completion, context, output, sweep_records
from attnctl.units import quantity
from attnctl.values import SpecError, comma_join

if TYPE_CHECKING:
    from attnctl.db import Index


def rm(
    sweep: Annotated[str, typer.Argument(metavar="SWEEP", help="A sweep's name.", autocompletion=completion.sweeps)],
    runs: Annotated[bool, typer.Option("--runs", help="Also remove its runs, except those of other sweeps.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    as_json: context.AsJson = False,
) -> None:
    """Remove a sweep, and its runs with --runs.

    Keeps runs that belong to another sweep, and runs whose weights another run starts from. Removes nothing while one
    of the runs is active.

    Examples:
        attnctl rm ela-digits --runs
    """
    from attnctl.cli.refresh import take
    from attnctl.jobs import cleanup

    config = context.config()
    workspace = config.workspace
    record = sweep_records.read(workspace, sweep)
    removed: list[str] = []
    kept: dict[str, str] = {}
    if runs:
        with context.index() as index:
            now = take(config, index, record.runs)
            if now.unavailable:
                raise SpecError(f"{now.unavailable}; it is unknown which runs are active, so nothing is removed")
            kept = _kept(index, record.name, record.runs)
        active = [row.id for row in now.rows if row.verdict.state.active and row.id not in kept]
        if active:
            listed = comma_join([run[:8] for run in active[:4]]) + (" ..." if len(active) > 4 else "")
            raise SpecError(
                f"{sweep} has {quantity(len(active), 'active run')} ({listed}); run `attnctl cancel {sweep}` first"
            )
        removed = [row.id for row in now.rows if row.id not in kept]
    if not yes:
        _confirm(sweep, len(removed))
    for run in removed:
        cleanup.remove_run(workspace, run)
    workspace.sweep(sweep).unlink(missing_ok=True)  # at last, so that a kill before it leaves what can be done again
    if as_json:
        output.document({"sweep": sweep, "removed": removed, "kept": kept if runs else dict.fromkeys(record.runs, "")})
        return
    for run, reason in kept.items():
        output.line(f"kept: {run}: {reason}")
    output.line(
        f"sweep {sweep} is removed"
        + (f", with {len(removed)} of its {quantity(len(record.runs), 'run')}" if runs else "")
    )


def _kept(index: Index, name: str, runs: Collection[str]) -> dict[str, str]:
    """The runs of the sweep that have to stay, and why."""
    reasons: dict[str, str] = {}
    for another in index.sweeps():
        if another.name != name:
            reasons |= {run: f"sweep {another.name} contains it" for run in another.runs if run in runs}
    for row in index.runs():
        if row.module != "?" and (row.id not in runs or row.id in reasons):
            base = row.spec.base
            if base is not None and base in runs and base not in reasons:
                reasons[base] = f"run {row.id} starts from its weights"
    return reasons


def _confirm(sweep: str, count: int) -> None:
    target = f"sweep {sweep}" + (f" and {quantity(count, 'run')} with all results" if count else "")
    if not output.is_terminal(sys.stdin):
        raise SpecError(f"this removes {target}; add --yes to confirm")
    typer.confirm(f"Remove {target}?", abort=True)
