"""`attnctl resume`: its options and steps; the work is done in `attnctl.cli.resuming`."""

from __future__ import annotations

import sys
from dataclasses import replace
from typing import Annotated

import typer

from attnctl.cli import completion, consent, context, output
from attnctl.cli.option_groups import Shown
from attnctl.cli.refresh import announce_ends
from attnctl.cli.run_filter import RunFilter
from attnctl.cli.sweeping.destination import resolve_run_on
from attnctl.cli.sweeping.resource_options import ResourceOptions
from attnctl.lifecycle.resume_policy import DEFAULT_MODES
from attnctl.lifecycle.state import State
from attnctl.settings.sections import state_key
from attnctl.units import quantity
from attnctl.values import SpecError, did_you_mean

PANEL = "Where it runs (default: as in the last attempt)"

_ALIASES = {
    "oom": (State.OUT_OF_MEMORY, State.CUDA_OUT_OF_MEMORY),
    "error": (State.ERROR,),
    "node": (State.NODE_FAILURE, State.LAUNCH_FAILED),
    "lost": (State.UNKNOWN,),
}


def state_names() -> dict[str, tuple[State, ...]]:
    """The names of states as typed, with the states that they mean."""
    return {state_key(state).lower(): (state,) for state in DEFAULT_MODES} | _ALIASES


def resume(
    targets: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="SWEEP|RUN",
            help="Sweeps, or runs (ids or their first digits); default: all runs.",
            autocompletion=completion.runs_and_sweeps,
        ),
    ] = None,
    *,
    state: Annotated[
        str | None,
        typer.Option(
            help="Only runs that ended this way, such as timeout,preempted,oom (comma list).",
            metavar="STATES",
            autocompletion=completion.one_of(sorted(state_names())),
        ),
    ] = None,
    kept: Annotated[RunFilter, Shown(without=("state",))],
    force: Annotated[bool, typer.Option("--force", help="Resume even where the policy refuses.")] = False,
    max_attempts: Annotated[
        int | None, typer.Option(help="Maximum number of attempts of a run.", min=1, max=1_000_000)
    ] = None,
    yes: Annotated[
        bool, typer.Option("--yes", "-y", help="Start over without asking where the checkpoint is missing.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print the plan and submit nothing.")] = False,
    as_json: context.AsJson = False,
    resources: Annotated[ResourceOptions, Shown(panel=PANEL, without=("device",))],
) -> int:
    """Resume unfinished runs.

    Prints the plan, then submits it. Each run continues from its newest checkpoint, on SLURM or on this machine as in
    its last attempt. Runs that would fail the same way are listed and skipped; --force resumes them too. The section
    `resume` of attnctl.toml sets what happens after each kind of failure. Runs that wait for a place in SLURM's queue
    are submitted first, as `attnctl feed` does. The exit code is 1 if SLURM does not answer.

    Examples:
        attnctl resume --dry-run
        attnctl resume --state timeout --module ela --time 8:00:00
        attnctl resume 3fa2 --mem 64G
    """
    from attnctl.cli.resuming import candidates, show, submit
    from attnctl.cli.sweeping import feeding
    from attnctl.jobs.slurm.commands import SlurmUnavailable

    config = context.config()
    if resources.run_on is not None:
        run_on = resolve_run_on(resources.run_on, config.workspace, answering=not dry_run)
        resources = replace(resources, run_on=run_on)
    resources.check(config)
    if not dry_run:
        feeding.feed_before(config.workspace, as_json=as_json)
    request = candidates.ResumeRequest(
        targets=targets or (),
        states=chosen_states(state),
        force=force,
        max_attempts=max_attempts,
        resources=resources,
        kept=kept,
    )
    resume_plan = candidates.gather(config, request)
    if not as_json:
        show.show(resume_plan)
    if yes or (not dry_run and _agreed(resume_plan.waiting, as_json)):
        resume_plan.agree()
    elif resume_plan.waiting:
        output.note(f"skipped {quantity(resume_plan.waiting, 'run')} without a checkpoint; add --yes to start over")
    if not dry_run and any(case.decision.starts for case in resume_plan.cases):
        consent.ask(config, as_json=as_json)
    if not dry_run:
        candidates.release(config, resume_plan)
    if resume_plan.excluded and not dry_run:
        candidates.exclude(config, resume_plan)
    try:
        groups = submit.destinations(config, resume_plan, resources)
    except SlurmUnavailable as error:
        if not dry_run:
            raise
        output.note(str(error))
        groups = []
    jobs, code = ({}, 0) if dry_run else submit.act(config, groups, as_json=as_json)
    if not dry_run:
        announce_ends(config)
    if as_json:
        output.document(show.in_json(resume_plan, jobs))
    return 1 if resume_plan.silent else code


def _agreed(waiting: int, as_json: bool) -> bool:
    """Ask the user, on a terminal."""
    if not waiting or as_json or not output.is_terminal(sys.stdin) or not output.is_terminal():
        return False
    return typer.confirm(f"Start {quantity(waiting, 'run')} over from step 0? The checkpoints are missing.")


def chosen_states(text: str | None) -> frozenset[State] | None:
    """The states of a comma list; None for all. Raises SpecError."""
    if text is None:
        return None
    known = state_names()
    found: set[State] = set()
    for part in text.split(","):
        name = part.strip().lower().replace(" ", "-").replace("_", "-")
        if name not in known:
            raise SpecError(f"--state: unknown state {part.strip()!r}{did_you_mean(name, sorted(known))}")
        found |= set(known[name])
    return frozenset(found)
