"""`attnctl feed`: submit the runs that wait for a place in SLURM's queue."""

from __future__ import annotations

import os
import time
from typing import Annotated

import typer

from attnctl.cli import context, output

_INTERVAL = 30.0
"""Seconds between two attempts; each calls sbatch for every set of settings that waits."""


def feed(
    watch: Annotated[bool, typer.Option("--watch", help="Continue until all of them are submitted.")] = False,
    as_json: context.AsJson = False,
) -> int:
    """Submit the runs that wait for a place in the queue.

    When SLURM limits how many jobs may be submitted, `sweep` and `resume` submit as many as it takes, and every job
    that ends submits some of the others. This command does the same: for when no job of the workspace is left in the
    queue, or compute nodes cannot call sbatch. The exit code is 1 if SLURM does not answer.

    Examples:
        attnctl feed
        attnctl feed --watch
    """
    from attnctl.cli import stalled_searches
    from attnctl.cli.sweeping import feeding
    from attnctl.cli.sweeping.queue_notes import cron_line
    from attnctl.jobs.slurm.commands import NO_ANSWER
    from attnctl.jobs.submission.feed import Fed
    from attnctl.jobs.submission.feed import feed as submit_waiting

    workspace = context.config().workspace
    total = Fed()
    last: Fed | None = None
    while True:
        fed = submit_waiting(workspace)
        total.submitted |= fed.submitted
        total.waiting, total.busy = fed.waiting, fed.busy
        if not as_json:
            feeding.say_submitted(fed)
            if last is None or set(last.waiting.values()) != set(fed.waiting.values()):
                feeding.say_waiting(fed)
        last = fed
        if not watch or not (fed.waiting or fed.busy):
            break
        time.sleep(_INTERVAL)
    if not as_json:
        for words in stalled_searches.notes(workspace):
            output.prose(words)
    if as_json:
        output.document({"submitted": total.submitted, "waiting": total.waiting, "busy": total.busy})
    elif total.busy:
        output.line("another process submits the waiting runs")
    elif total.waiting:
        output.line(f"to try every 15 minutes, add to cron: {cron_line(workspace, ['feed'], os.environ)}")
    elif not total.submitted:
        output.line("Nothing waits: all runs that were asked for have been submitted.")
    return int(any(NO_ANSWER in reason for reason in total.waiting.values()))
