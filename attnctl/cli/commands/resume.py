"""`attnctl resume`: its options and the order of its steps. What it does is in `attnctl.cli.resuming`."""

from __future__ import annotations

import sys
from typing import Annotated, Any

import typer

from attnctl.cli import completion, context, output
from attnctl.cli.resuming.resources import Given
from attnctl.cli.sweeping.destination import where
from attnctl.lifecycle.resume_policy import DEFAULT_MODES
from attnctl.lifecycle.state import State
from attnctl.settings.sections import state_key
from attnctl.units import quantity
from attnctl.values import SpecError, did_you_mean

PLACE = "Where it runs; unless given, as in the run's last attempt"

_ALIASES = {
    "oom": (State.OUT_OF_MEMORY, State.CUDA_OUT_OF_MEMORY),
    "error": (State.ERROR,),
    "node": (State.NODE_FAILURE,),
    "lost": (State.UNKNOWN,),
}


def _option(help: str, *names: str, **more: Any) -> Any:  # noqa: A002 - Typer's own name
    return typer.Option(*names, help=help, rich_help_panel=PLACE, **more)


def resume(
    targets: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[SWEEP|RUN]...",
            help="Sweeps, or runs by the beginning of their ids; all runs unless named.",
            autocompletion=completion.runs_and_sweeps,
        ),
    ] = None,
    *,
    state: Annotated[
        str | None,
        typer.Option(help="Only runs that ended so: a comma list such as timeout,preempted,oom.", metavar="STATES"),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Also where the policy says not to.")] = False,
    max_attempts: Annotated[int | None, typer.Option(help="Attempts of a run in all.", min=1, max=1_000_000)] = None,
    yes: Annotated[
        bool, typer.Option("--yes", "-y", help="Agree to start anew where a checkpoint is gone, without being asked.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print the plan and submit nothing.")] = False,
    as_json: context.AsJson = False,
    run_on: Annotated[str | None, _option("slurm or local.", "--run-on", metavar="PLACE")] = None,
    nodes: Annotated[int | None, _option("Nodes of a run.", min=1, max=4096)] = None,
    gpus_per_node: Annotated[int | None, _option("GPUs on each node.", min=0, max=64)] = None,
    tasks_per_node: Annotated[int | None, _option("Processes on each node without GPUs.", min=1, max=1024)] = None,
    cpus_per_task: Annotated[int | None, _option("Cores of each process.", min=1, max=1024)] = None,
    time: Annotated[str | None, _option("Limit of a run: minutes, H:M:S or D-H:M:S.")] = None,
    mem: Annotated[str | None, _option("Memory of each node, such as 64G.")] = None,
    partition: Annotated[str | None, _option("SLURM's partition.")] = None,
    constraint: Annotated[str | None, _option("SLURM's constraint, such as a100.")] = None,
    profile: Annotated[
        str | None, _option("A SLURM profile from attnctl.toml.", autocompletion=completion.profiles)
    ] = None,
    parallel: Annotated[int | None, _option("Runs at the same time.", min=1, max=10_000)] = None,
) -> int:
    """Resume unfinished runs.

    The plan is printed, then done: a run goes on from its newest checkpoint, on SLURM or here as before. What would
    only fail again is left, and said. attnctl.toml's section resume changes what is done with each class of end.
    """
    from attnctl.cli.resuming import candidates, show, submit

    config = context.config()
    if run_on not in {None, "slurm", "local"}:
        raise SpecError(f"--run-on is {run_on!r}; it must be slurm or local")
    given = Given(
        run_on=where(run_on) if run_on is not None else None,
        nodes=nodes,
        gpus_per_node=gpus_per_node,
        tasks_per_node=tasks_per_node,
        cpus_per_task=cpus_per_task,
        time=time,
        mem=mem,
        partition=partition,
        constraint=constraint,
        profile=profile,
        parallel=parallel,
    )
    given.check(config)
    wish = candidates.ResumeRequest(
        targets=targets or (), states=chosen_states(state), force=force, max_attempts=max_attempts, given=given
    )
    found = candidates.gather(config, wish)
    if not as_json:
        show.show(found)
    if yes or (not dry_run and _agreed(found.waiting, as_json)):
        found.agree()
    elif found.waiting:
        output.note(f"left out: {quantity(found.waiting, 'run')} without a checkpoint; --yes starts over")
    if found.held and not dry_run:
        candidates.release(config, found)
    groups = submit.shaped(config, found, given)
    jobs, code = ({}, 0) if dry_run else submit.act(config, groups, as_json=as_json)
    if as_json:
        output.document(show.in_json(found, jobs))
    return code


def _agreed(waiting: int, as_json: bool) -> bool:
    """Ask a person, if one is there."""
    if not waiting or as_json or not output.is_terminal(sys.stdin) or not output.is_terminal():
        return False
    return typer.confirm(f"Start {quantity(waiting, 'run')} over, from step 0? The checkpoints are gone.")


def chosen_states(text: str | None) -> frozenset[State] | None:
    """The classes of a comma list; None for all. Raises SpecError."""
    if text is None:
        return None
    known = {state_key(state).lower(): (state,) for state in DEFAULT_MODES} | _ALIASES
    found: set[State] = set()
    for part in text.split(","):
        name = part.strip().lower().replace(" ", "-").replace("_", "-")
        if name not in known:
            raise SpecError(f"--state: no class {part.strip()!r}{did_you_mean(name, sorted(known))}")
        found |= set(known[name])
    return frozenset(found)
