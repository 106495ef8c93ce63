"""`attnctl status`: one row a run."""

from __future__ import annotations

from typing import Annotated

import typer

from attnctl.cli import completion, context, output, sweep_records
from attnctl.cli.refresh import row_json, take
from attnctl.cli.status_table import follow, show


def status(
    sweep: Annotated[
        str | None,
        typer.Argument(metavar="SWEEP", help="A sweep (default: all runs).", autocompletion=completion.sweeps),
    ] = None,
    watch: Annotated[bool, typer.Option("--watch", help="Refresh until all runs have ended.")] = False,
    as_json: context.AsJson = False,
) -> None:
    """Show the state of every run, and why.

    Examples:
        attnctl status
        attnctl status ela-digits --watch
    """
    config = context.config()
    ids = None if sweep is None else sweep_records.read(config.workspace, sweep).runs
    if watch:
        now = follow(config, ids)
    else:
        with context.index() as index:
            now = take(config, index, ids)
    if as_json:
        output.document({"runs": [row_json(row) for row in now.rows], "unavailable": now.unavailable})
    elif not watch:
        show(now)
