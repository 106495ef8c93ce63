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
    meant = sweep_records.read(workspace, sweep)
    gone: list[str] = []
    kept: dict[str, str] = {}
    if runs:
        with context.index() as index:
            now = take(config, index, meant.runs)
            if now.unavailable:
                raise SpecError(f"{now.unavailable}; it is unknown which runs are active, so nothing is removed")
            kept = _kept(index, meant.name, meant.runs)
        active = [row.id for row in now.rows if row.verdict.state.active and row.id not in kept]
        if active:
            shown = comma_join([run[:8] for run in active[:4]]) + (" ..." if len(active) > 4 else "")
            raise SpecError(
                f"{sweep} has {quantity(len(active), 'active run')} ({shown}); run `attnctl cancel {sweep}` first"
            )
        gone = [row.id for row in now.rows if row.id not in kept]
    if not yes:
        _confirm(sweep, len(gone))
    for run in gone:
        cleanup.remove_run(workspace, run)
    workspace.sweep(sweep).unlink(missing_ok=True)  # at last, so that a kill before it leaves what can be done again
    if as_json:
        output.document({"sweep": sweep, "removed": gone, "kept": kept if runs else dict.fromkeys(meant.runs, "")})
        return
    for run, words in kept.items():
        output.line(f"kept: {run}: {words}")
    output.line(
        f"sweep {sweep} is removed" + (f", with {len(gone)} of its {quantity(len(meant.runs), 'run')}" if runs else "")
    )


def _kept(index: Index, name: str, runs: Collection[str]) -> dict[str, str]:
    """The runs of the sweep that have to stay, and why."""
    found: dict[str, str] = {}
    for other in index.sweeps():
        if other.name != name:
            found |= {run: f"sweep {other.name} contains it" for run in other.runs if run in runs}
    for row in index.runs():
        if row.module != "?" and (row.id not in runs or row.id in found):
            start = row.spec.init.removeprefix("run:")
            if start in runs and start not in found:
                found[start] = f"run {row.id} starts from its weights"
    return found


def _confirm(sweep: str, count: int) -> None:
    what = f"sweep {sweep}" + (f" and {quantity(count, 'run')} with all results" if count else "")
    if not output.is_terminal(sys.stdin):
        raise SpecError(f"this removes {what}; add --yes to confirm")
    typer.confirm(f"Remove {what}?", abort=True)
