"""Ranks that srun could not launch, because their node does not see the workspace's file system or does not answer.

srun then neither ends the other ranks nor exits (SLURM 22.05): rank 0 finds srun's message in the job's log.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path

from attnctl.files import open_regular
from attnctl.jobs.slurm.commands import CommandError, run

_FAILED = re.compile(r"^srun: error: tasks? (\d+)\S* launch failed: (.+)$", re.MULTILINE | re.IGNORECASE)
_NO_LOG = "connect IO"
"""Part of the message about a node that could not open the log of a rank."""
_MAX_BYTES = 1 << 16
_INTERVAL = 1.0
"""Seconds between two looks at the log."""


LOG_START = "ATTNCTL_LOG_START"
"""The variable with the length of the log, in bytes, at which this start of the job began; see guard.sh."""


class LaunchError(RuntimeError):
    """srun could not launch a rank; the message begins with the node."""


def watch(log: Path, environ: Mapping[str, str], now: Callable[[], float]) -> Callable[[], None]:
    """A function that raises LaunchError once the log of this start of a job contains srun's message about a rank.

    environ: the variables of the job. now: a monotonic clock, in seconds.
    """
    next_look, start = now(), int(environ.get(LOG_START) or 0)

    def look() -> None:
        nonlocal next_look
        if now() >= next_look:
            next_look = now() + _INTERVAL
            message = failure(_read(log, start), environ)
            if message is not None:
                raise LaunchError(message)

    return look


def failure(text: str, environ: Mapping[str, str]) -> str | None:
    """What is wrong with the node of the first rank that srun could not launch, from the text of the job's log."""
    match = _FAILED.search(text)
    if match is None:
        return None
    node = _node_of(int(match[1]), environ)
    reason = "open the job's log" if _NO_LOG in match[2] else f"launch rank {match[1]}: {match[2]}"
    return f"{node} could not {reason}"


def _read(log: Path, start: int) -> str:
    try:
        with open_regular(log) as stream:
            stream.seek(start)
            return stream.read(_MAX_BYTES).decode(errors="replace")
    except OSError:
        return ""


def _node_of(rank: int, environ: Mapping[str, str]) -> str:
    """The name of the node that runs a rank: each node has the same number of them, in order."""
    try:
        nodes = run(["scontrol", "show", "hostnames", environ.get("SLURM_JOB_NODELIST", "")]).split()
        return nodes[rank // int(environ["SLURM_NTASKS_PER_NODE"])]
    except (CommandError, LookupError, ValueError):
        return "one of its nodes"
