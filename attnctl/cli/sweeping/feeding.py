"""Submits the runs that wait for a place in SLURM's queue, and says so: for `sweep`, `resume` and `feed`."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from attnctl.cli import output
from attnctl.units import plural, quantity
from attnctl.values import comma_join
from attnctl.workspace import waiting
from attnctl.workspace.layout import Workspace

if TYPE_CHECKING:
    from attnctl.jobs.submission.feed import Fed


def feed_before(workspace: Workspace, *, as_json: bool) -> None:
    """Submit what waits before a command submits more, and print what was submitted."""
    if not waiting.own(workspace):
        return
    from attnctl.jobs.submission.feed import feed

    fed = feed(workspace)
    if not as_json:
        say_submitted(fed)
    if fed.busy:
        output.note("another process submits the waiting runs")


def say_submitted(fed: Fed) -> None:
    """Print what was submitted, by job."""
    if fed.submitted:
        runs = quantity(len(fed.submitted), "waiting run")
        output.line(f"submitted: {runs}{_jobs(fed.submitted.values())}")


def say_waiting(fed: Fed) -> None:
    """Print what still waits, by reason."""
    reasons: dict[str, int] = {}
    for reason in fed.waiting.values():
        reasons[reason] = reasons.get(reason, 0) + 1
    for reason, count in reasons.items():
        output.line(f"waiting: {quantity(count, 'run')}: {reason}")


def _jobs(jobs: Iterable[str]) -> str:
    arrays = list(dict.fromkeys(job.partition("_")[0] for job in jobs if job))
    return f", SLURM {plural(len(arrays), 'job')} {comma_join(arrays)}" if arrays else ""
