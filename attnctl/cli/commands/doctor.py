"""`attnctl doctor`: check this machine or a compute node, and show the fix of each problem."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated

import typer

from attnctl.cli import consent, context, output
from attnctl.cli.option_groups import Shown
from attnctl.cli.sweeping.destination import choose_destination
from attnctl.cli.sweeping.resource_options import ResourceOptions
from attnctl.cli.table_layout import Column

if TYPE_CHECKING:
    from attnctl.jobs.doctor.compute_node import Check
    from attnctl.settings.config import Config

PATIENCE = 600.0
"""Seconds to wait for the job, mostly in the queue."""

_OF_THE_JOB = ("nodes", "tasks_per_node", "gpus_per_node", "partition", "constraint", "profile")

_COLUMNS = (Column(""), Column("check"), Column("result", wrap=30))

MARKS = {True: "ok", False: "FAILS", None: "-"}


def doctor(
    job: Annotated[bool, typer.Option("--job", help="Submit a two-minute job that checks the compute nodes.")] = False,
    as_json: context.AsJson = False,
    *,
    resources: Annotated[ResourceOptions, Shown(panel="The job of --job", only=_OF_THE_JOB)],
) -> int:
    """Check this machine, and say how to fix problems.

    Examples:
        attnctl doctor
        attnctl doctor --job --partition gpu
    """
    config = context.config()
    if job:
        consent.ask(config, as_json=as_json)
    found = _of_job(config, resources) if job else _here(config)
    if as_json:
        output.document({"checks": [vars(check) for check in found]})
    else:
        rows = [[MARKS[check.ok], check.name, _message(check)] for check in found]
        output.table(_COLUMNS, rows)
    return int(any(check.ok is False for check in found))


def _here(config: Config) -> Sequence[Check]:
    from attnctl.jobs.doctor.compute_node import check_all

    return check_all(config)


def _of_job(config: Config, resources: ResourceOptions) -> Sequence[Check]:
    from attnctl.jobs.doctor.compute_node import run_job

    destination = choose_destination(config, replace(resources, run_on="slurm"))
    return run_job(config, destination.options, destination.resources, PATIENCE, output.note)


def _message(check: Check) -> str:
    return f"{check.message}; {check.fix}" if check.fix and check.ok is not True else check.message
