"""What a run's files were like when its state was read: the size and the time of each that the state depends on.

As long as they are the same, the run need not be read again. The times of folders tell of new and removed files; logs
and exit records are looked at themselves, since they can be written on. A record that is written after this look makes
the stamp differ, unless the clock of the file system has not moved on in between: hence `is_settled`.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

from attnctl.workspace.layout import Attempt, RunDir

SETTLED = 120.0
"""Seconds since the last change after which a stamp counts: clocks of a cluster and its file server differ by less."""

_GONE = "-"


def of(run: RunDir) -> str:
    """The stamp of a run's folder as it is now; empty before it has an attempt."""
    attempts = run.attempts()
    if not attempts:
        return ""
    paths = [str(run.attempts_folder), *(path for attempt in attempts for path in _of_attempt(attempt))]
    start = len(str(run.path)) + 1
    return "\n".join(f"{path[start:]}\t{_state(path)}" for path in paths)


def _of_attempt(attempt: Attempt) -> Iterator[str]:
    yield str(attempt.path)
    yield str(attempt.observed)
    for start in attempt.incarnations():
        yield str(start.path)
        yield str(start.events)
        yield from map(str, start.exit_files())


def unchanged(folder: str, stamp: str) -> bool:
    """Whether the files in a run's folder are as they were when it got this stamp."""
    lines = (line.partition("\t") for line in stamp.split("\n"))
    return stamp != "" and all(_state(f"{folder}/{path}") == state for path, _, state in lines)


def is_settled(stamp: str, now: float) -> bool:
    """Whether the newest change is so long ago that a later one cannot have the same time. now: Unix seconds."""
    times = [int(line.rpartition(" ")[2]) for line in stamp.split("\n") if line and not line.endswith(_GONE)]
    return bool(times) and max(times) < (now - SETTLED) * 1e9


def _state(path: str) -> str:
    try:
        status = os.stat(path)  # noqa: PTH116 - thousands of them: a Path would take twice the time
    except OSError:
        return _GONE
    return f"{status.st_size} {status.st_mtime_ns}"
