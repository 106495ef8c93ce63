"""What became of the runs that a command submitted, and what it says of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from attnctl.cli import output
from attnctl.workspace.records import Search

_MANY = 4
"""More runs than this are not named one by one."""


@dataclass(frozen=True)
class Job:
    """The submission of one run."""

    tag: str = ""
    job_id: str = ""
    refusal: str = ""
    """Why it was not submitted, when another command was faster."""
    waits: str = ""
    """Why it is submitted later, without a further command."""


def say_skipped(jobs: Mapping[str, Job]) -> None:
    """Name the runs that were not submitted, with the reason; many that have the same one are counted."""
    reasons: dict[str, list[str]] = {}
    for run, job in jobs.items():
        if job.refusal:
            reasons.setdefault(job.refusal, []).append(run)
    for words, runs in reasons.items():
        many = f"{len(runs)} runs" if len(runs) > _MANY else ", ".join(runs)
        output.line(f"not submitted: {many}: {words}")


def say_waiting(jobs: Mapping[str, Job]) -> None:
    """Name the runs that are submitted later, with the reason; many that have the same one are counted."""
    reasons: dict[str, list[str]] = {}
    for run, job in jobs.items():
        if job.waits:
            reasons.setdefault(job.waits, []).append(run)
    for words, runs in reasons.items():
        many = f"{len(runs)} runs" if len(runs) > _MANY else ", ".join(runs)
        output.line(f"waiting: {many}: {words}")
    if reasons:
        output.line(
            "jobs of this workspace submit them when they end; where there are none, or nodes have no sbatch: "
            "attnctl feed --watch"
        )


def say_search(sweep: str, search: Search | None, jobs: Mapping[str, Job]) -> None:
    """Say how a search on SLURM goes on whose later trainings depend on the results of these."""
    if search is not None and search.has_rounds and any(job.tag or job.waits for job in jobs.values()):
        output.line(
            "the job that ends last chooses the next trainings from the results, and submits them; "
            f"if it cannot, `attnctl status {sweep}` says so"
        )
