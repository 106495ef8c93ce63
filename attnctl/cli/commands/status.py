"""`attnctl status`: one row a run."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import Annotated

import typer

from attnctl.cli import completion, context, output, stalled_searches, sweep_records
from attnctl.cli.option_groups import Shown
from attnctl.cli.refresh import Snapshot, row_json, take
from attnctl.cli.run_filter import RunFilter, ordered
from attnctl.cli.status_table import METRICS, follow, show
from attnctl.lifecycle.state import State
from attnctl.units import clock
from attnctl.values import SpecError


def status(
    sweeps: Annotated[
        list[str] | None,
        typer.Argument(metavar="SWEEP", help="Sweeps (default: all runs).", autocompletion=completion.sweeps),
    ] = None,
    *,
    kept: Annotated[RunFilter, Shown()],
    sort: Annotated[
        str | None,
        typer.Option(
            help="Sort by module, state, since or a metric; -KEY sorts descending.",
            metavar="KEY",
            autocompletion=completion.run_sort_keys,
        ),
    ] = None,
    watch: Annotated[bool, typer.Option("--watch", help="Refresh until all runs have ended.")] = False,
    as_json: context.AsJson = False,
) -> None:
    """Show the state of every run, and why.

    Examples:
        attnctl status
        attnctl status ela-digits --watch
        attnctl status --state code-error --module ela --sort -top1
    """
    config = context.config()
    if watch and sort is not None:
        raise SpecError("--sort cannot be combined with --watch")
    ids = sweep_records.runs_of(config.workspace, sweeps) if sweeps else None
    if watch and not kept.given:
        now = follow(config, ids)
    else:
        with context.index() as index:
            now = take(config, index, ids, metrics=None if as_json or sort or kept.metric else METRICS)
        now = now.narrowed(kept.apply(config.workspace, now.rows))
        if watch:
            now = follow(config, [row.id for row in now.rows])
        elif sort is not None:
            now = replace(now, rows=ordered(now.rows, sort))
    if as_json:
        starts = expected_starts(now)
        output.document(
            {
                "runs": [row_json(row) for row in now.rows],
                "unavailable": now.unavailable,
                "expected_start": starts[0] if starts else None,
                "shared_jobs": [{**asdict(item), "words": item.words()} for item in now.sharing],
            }
        )
    elif not watch:
        show(now)
        for words in stalled_searches.notes(config.workspace, sweeps):
            output.prose(words)
        if starts := expected_starts(now):
            output.prose(f"SLURM expects the next waiting run to start at {clock(starts[0], seconds=False)}")


def expected_starts(now: Snapshot) -> list[float]:
    """When SLURM expects waiting runs to start; it is asked only if there are any."""
    waiting = [row.job_id for row in now.rows if row.state == State.QUEUED and row.place == "slurm" and row.job_id]
    if not waiting or now.unavailable:
        return []
    from attnctl.jobs.slurm.start_times import expected

    return expected(waiting)
