"""When SLURM expects waiting jobs to start: an estimate of its backfill scheduler, which not every job gets."""

from __future__ import annotations

import time
from collections.abc import Sequence

from attnctl.jobs.slurm.commands import CommandError, parse_table, run

_FORMAT = "%Y-%m-%dT%H:%M:%S"  # squeue(1), START_TIME; environment() drops SLURM_TIME_FORMAT


def expected(job_ids: Sequence[str]) -> list[float]:
    """The expected start times of these jobs and array tasks in Unix seconds, earliest first, without those unknown.

    Empty if SLURM does not answer: it is no more than a hint.
    """
    arrays = sorted({job.partition("_")[0] for job in job_ids})
    if not arrays:
        return []
    try:
        text = run(["squeue", "--start", "--noheader", "--format=%i|%S", f"--jobs={','.join(arrays)}"])
        times = [_seconds(start) for _, start in parse_table(text, 2, "squeue")]
    except CommandError:
        return []
    return sorted(found for found in times if found is not None)


def _seconds(text: str) -> float | None:
    try:
        return time.mktime(time.strptime(text.strip(), _FORMAT))
    except (ValueError, OverflowError):
        return None  # N/A
