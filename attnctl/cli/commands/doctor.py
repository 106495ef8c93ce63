"""`attnctl doctor`: what this machine, and a compute node, can do; and the mend of what they cannot."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from attnctl.cli import completion, context, output
from attnctl.cli.sweeping.destination import Asked, destination
from attnctl.cli.table_layout import Column

if TYPE_CHECKING:
    from attnctl.jobs.doctor.compute_node import Check
    from attnctl.settings.config import Config

PATIENCE = 600.0
"""Seconds that the job may take, most of them in the queue."""

_COLUMNS = (Column(""), Column("what"), Column("how it is", wrap=30))

MARKS = {True: "ok", False: "FAILS", None: "-"}


def doctor(
    job: Annotated[bool, typer.Option("--job", help="Submit a two-minute job that checks the compute nodes.")] = False,
    nodes: Annotated[int, typer.Option(help="Nodes of the job.", min=1, max=4096)] = 1,
    tasks_per_node: Annotated[
        int | None, typer.Option(help="Processes of the job on each node.", min=1, max=1024)
    ] = None,
    gpus_per_node: Annotated[
        int | None, typer.Option(help="GPUs of the job on each node; 0 for none.", min=0, max=64)
    ] = None,
    partition: Annotated[str | None, typer.Option(help="Partition of the job.")] = None,
    profile: Annotated[
        str | None, typer.Option(help="A SLURM profile from attnctl.toml.", autocompletion=completion.profiles)
    ] = None,
    as_json: context.AsJson = False,
) -> int:
    """Check this machine, and say how to fix problems."""
    config = context.config()
    asked = Asked(
        run_on="slurm",
        nodes=nodes,
        tasks_per_node=tasks_per_node,
        gpus_per_node=gpus_per_node,
        partition=partition,
        profile=profile,
    )
    found = _of_job(config, asked) if job else _here(config)
    if as_json:
        output.document({"checks": [vars(check) for check in found]})
    else:
        rows = [[MARKS[check.ok], check.name, _words(check)] for check in found]
        output.table(_COLUMNS, rows)
    return int(any(check.ok is False for check in found))


def _here(config: Config) -> Sequence[Check]:
    from attnctl.jobs.doctor.compute_node import check_all

    return check_all(config)


def _of_job(config: Config, asked: Asked) -> Sequence[Check]:
    from attnctl.jobs.doctor.compute_node import run_job

    place = destination(config, asked)
    return run_job(config, place.options, place.resources, PATIENCE, output.note)


def _words(check: Check) -> str:
    return f"{check.words}; {check.mend}" if check.mend and check.ok is not True else check.words
