"""`attnctl rm`: remove a run, or a sweep, and with --runs its runs."""

from __future__ import annotations

import sys
from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated

import typer

from attnctl.cli import completion, context, output, run_selection, sweep_records
from attnctl.files import write_atomic
from attnctl.units import plural, quantity
from attnctl.values import SpecError, comma_join, first_of
from attnctl.workspace import user_notes
from attnctl.workspace.layout import Workspace

if TYPE_CHECKING:
    from attnctl.cli.refresh import Snapshot
    from attnctl.db import Index
    from attnctl.settings.config import Config

_SHOWN = 4
"""Runs that a message names."""


def rm(
    target: Annotated[
        str,
        typer.Argument(
            metavar="RUN|SWEEP", help="A run's id or a sweep's name.", autocompletion=completion.runs_and_sweeps
        ),
    ],
    runs: Annotated[
        bool, typer.Option("--runs", help="With a sweep: also remove its runs, except those of other sweeps.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    as_json: context.AsJson = False,
) -> None:
    """Remove a run, or a sweep and its runs with --runs.

    A run whose weights another run starts from is not removed. With --runs, runs that belong to another sweep are kept
    too. Sweeps do not list a removed run any more. Removes nothing while one of the runs is active.

    Examples:
        attnctl rm 3fa2
        attnctl rm ela-digits --runs
    """
    config = context.config()
    found = run_selection.target(config.workspace, target)
    if found.sweep:
        _remove_sweep(config, found.sweep, runs=runs, yes=yes, as_json=as_json)
    elif runs:
        raise SpecError(f"--runs is for a sweep; {target} is a run, and is removed without it")
    else:
        _remove_run(config, found.runs[0], yes=yes, as_json=as_json)


def _remove_run(config: Config, run: str, *, yes: bool, as_json: bool) -> None:
    from attnctl.cli.refresh import take
    from attnctl.jobs import cleanup

    with context.index() as index:
        _check_idle(take(config, index, [run]), (), run)
        followers = _followers(index, [run]).get(run, [])
        sweeps = [sweep.name for sweep in index.sweeps() if run in sweep.runs]
    if followers:
        raise SpecError(f"{_start(followers)} from the weights of run {run}; remove {_those(followers)} first")
    listed = f", also from {plural(len(sweeps), 'sweep')} {comma_join(sweeps)}" if sweeps else ""
    if not yes:
        _confirm(f"run {run} with all results{listed}")
    cleanup.remove_run(config.workspace, run)
    for name in sweeps:
        _drop(config.workspace, name, run)
    if as_json:
        output.document({"sweep": "", "removed": [run], "kept": {}, "sweeps": sweeps})
        return
    output.line(f"run {run} is removed{listed}")


def _drop(workspace: Workspace, name: str, run: str) -> None:
    """Take a run out of a sweep's record."""
    record = sweep_records.read(workspace, name)
    left = [item for item in record.runs if item != run]
    write_atomic(workspace.sweep(name), replace(record, runs=left).encode())


def _remove_sweep(config: Config, sweep: str, *, runs: bool, yes: bool, as_json: bool) -> None:
    from attnctl.cli.refresh import take
    from attnctl.jobs import cleanup

    workspace = config.workspace
    record = sweep_records.read(workspace, sweep)
    removed: list[str] = []
    kept: dict[str, str] = {}
    if runs:
        with context.index() as index:
            now = take(config, index, record.runs)
            kept = _kept(index, record.name, record.runs)
        _check_idle(now, kept, sweep)
        removed = [row.id for row in now.rows if row.id not in kept]
    if not yes:
        count = len(removed)
        _confirm(f"sweep {sweep}" + (f" and {quantity(count, 'run')} with all results" if count else ""))
    for run in removed:
        cleanup.remove_run(workspace, run)
    user_notes.of_sweep(workspace, sweep).unlink(missing_ok=True)
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


def _check_idle(now: Snapshot, kept: Collection[str], target: str) -> None:
    """Raise SpecError while one of the runs is active, or if that is unknown."""
    if now.unavailable:
        raise SpecError(f"{now.unavailable}; it is unknown which runs are active, so nothing is removed")
    active = [row.id for row in now.rows if row.active and row.id not in kept]
    if active == [target]:
        raise SpecError(f"run {target} is active; run `attnctl cancel {target}` first")
    if active:
        listed = comma_join([run[:8] for run in active[:_SHOWN]]) + (" ..." if len(active) > _SHOWN else "")
        raise SpecError(
            f"{target} has {quantity(len(active), 'active run')} ({listed}); run `attnctl cancel {target}` first"
        )


def _kept(index: Index, name: str, runs: Collection[str]) -> dict[str, str]:
    """The runs of the sweep that have to stay, and why."""
    reasons: dict[str, str] = {}
    for another in index.sweeps():
        if another.name != name:
            reasons |= {run: f"sweep {another.name} contains it" for run in another.runs if run in runs}
    going = set(runs) - reasons.keys()
    followers = _followers(index, set(runs), going)
    reasons |= {
        base: f"{_start(starting)} from its weights" for base, starting in followers.items() if base not in reasons
    }
    return reasons


def _followers(index: Index, bases: Collection[str], going: Collection[str] = ()) -> dict[str, list[str]]:
    """Run -> the runs that start from its weights, without those that go themselves."""
    found: dict[str, list[str]] = {}
    for row in index.runs():
        if row.module != "?" and row.id not in going:
            base = row.spec.base
            if base is not None and base in bases:
                found.setdefault(base, []).append(row.id)
    return found


def _start(runs: Sequence[str]) -> str:
    """`run 3fa2... starts`, or `runs 3fa2..., 81bc... start`."""
    if len(runs) == 1:
        return f"run {runs[0]} starts"
    return f"runs {first_of(runs, _SHOWN)} start"


def _those(runs: Sequence[str]) -> str:
    return "it" if len(runs) == 1 else "them"


def _confirm(target: str) -> None:
    if not output.is_terminal(sys.stdin):
        raise SpecError(f"this removes {target}; add --yes to confirm")
    typer.confirm(f"Remove {target}?", abort=True)
