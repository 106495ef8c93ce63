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
    _say("not submitted", {run: job.refusal for run, job in jobs.items()})


def say_waiting(jobs: Mapping[str, Job]) -> None:
    """Name the runs that are submitted later, with the reason; many that have the same one are counted."""
    if _say("waiting", {run: job.waits for run, job in jobs.items()}):
        output.line(
            "jobs of this workspace submit them when they end; where there are none, or nodes have no sbatch: "
            "attnctl feed --watch"
        )


def _say(what: str, reasons: Mapping[str, str]) -> bool:
    """Name the runs that have a reason, those with the same one in a line; whether there are any."""
    found: dict[str, list[str]] = {}
    for run, words in reasons.items():
        if words:
            found.setdefault(words, []).append(run)
    for words, runs in found.items():
        many = f"{len(runs)} runs" if len(runs) > _MANY else ", ".join(runs)
        output.line(f"{what}: {many}: {words}")
    return bool(found)


def say_search(sweep: str, search: Search | None, jobs: Mapping[str, Job]) -> None:
    """Say how a search on SLURM goes on whose later trainings depend on the results of these."""
    if search is not None and search.has_rounds and any(job.tag or job.waits for job in jobs.values()):
        output.line(
            "the job that ends last chooses the next trainings from the results, and submits them; "
            f"if it cannot, `attnctl status {sweep}` says so"
        )
