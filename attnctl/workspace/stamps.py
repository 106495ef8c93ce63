"""What a run's files were like when its state was read: the size and the time of each that the state depends on.

As long as they are the same, the run need not be read again. The times of folders tell of new and removed files; logs
and exit records are looked at themselves, since they can be written on. A record that is written after this look makes
the stamp differ, unless the clock of the file system has not moved on in between: hence `is_settled`.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from attnctl.workspace.layout import Attempt, Incarnation, RunDir

SETTLED = 120.0
"""Seconds since the last change after which a stamp counts: clocks of a cluster and its file server differ by less."""

_GONE = "-"
_GROWS = "*"
"""Stands for the state of a log that may grow; no file has this state, so that `unchanged` is false."""

_ATTEMPTS = RunDir(Path(), Path()).attempts_folder.name
_OBSERVED = Attempt(Path(), 1).observed.name
_EVENTS = Incarnation(Path(), (1, 0)).events.name


@dataclass(frozen=True)
class Look:
    """What a run's folder is like. names: in each of its folders, by its path relative to the run's.

    Each folder's time is read before its names: what comes into it later makes the next stamp differ.
    """

    stamp: str
    """Empty before the run has an attempt."""
    names: Mapping[str, Sequence[str]]


def look(run: RunDir) -> Look:
    """What a run's folder is like now. Works on texts, since thousands of runs are looked at."""
    folder = str(run.path)
    states: dict[str, str] = {}
    names: dict[str, list[str]] = {}

    def listed(path: str) -> list[str]:
        states[path] = _state(f"{folder}/{path}")
        names[path] = _names(f"{folder}/{path}")
        return names[path]

    for number in filter(str.isdecimal, listed(_ATTEMPTS)):
        attempt = f"{_ATTEMPTS}/{number}"
        inside = listed(attempt)
        states[f"{attempt}/{_OBSERVED}"] = _state(f"{folder}/{attempt}/{_OBSERVED}") if _OBSERVED in inside else _GONE
        for restart in filter(str.isdecimal, inside):
            start = f"{attempt}/{restart}"
            files = [name for name in listed(start) if name.startswith("exit.")]
            for path in (f"{start}/{name}" for name in (_EVENTS, *files)):
                states[path] = _state(f"{folder}/{path}")
    stamp = "\n".join(f"{path}\t{state}" for path, state in states.items()) if len(states) > 1 else ""
    return Look(stamp, names)


def of(run: RunDir) -> str:
    """The stamp of a run's folder as it is now; empty before it has an attempt."""
    return look(run).stamp


def _names(folder: str) -> list[str]:
    try:
        return sorted(os.listdir(folder))  # noqa: PTH208 - see `_state`
    except OSError:
        return []


def unchanged(folder: str, stamp: str) -> bool:
    """Whether the files in a run's folder are as they were when it got this stamp.

    What was not there is not looked for: the time of its folder, which is in the stamp too, tells of a new file.
    """
    for line in stamp.split("\n"):
        path, _, state = line.partition("\t")
        if state != _GONE and _state(f"{folder}/{path}") != state:
            return False
    return stamp != ""


def growing(stamp: str, now: float) -> str:
    """The stamp of a run that trains, which says nothing of its newest log; empty if that proves nothing.

    stamp: as `of` gave it before the run was read. now: Unix seconds
    """
    lines = [line.partition("\t") for line in stamp.split("\n")]
    logs = {tuple(map(int, path.split("/")[1:3])): path for path, _, _ in lines if path.endswith(f"/{_EVENTS}")}
    if not logs:
        return ""
    newest = logs[max(logs)]
    rest = [f"{path}\t{state}" for path, _, state in lines if path != newest]
    return "\n".join([*rest, f"{newest}\t{_GROWS}"]) if is_settled("\n".join(rest), now) else ""


def is_growing(stamp: str) -> bool:
    """Whether it is a stamp of `growing`."""
    return stamp.endswith(_GROWS)


def log(folder: str, stamp: str) -> str:
    """The newest log of the run with this stamp of `growing`."""
    newest = stamp.rpartition("\n")[2].partition("\t")[0]
    return f"{folder}/{newest}"


def only_grown(folder: str, stamp: str) -> bool:
    """Whether nothing in a run's folder has changed since it got this stamp of `growing`, but for its newest log."""
    return is_growing(stamp) and unchanged(folder, stamp.rpartition("\n")[0])


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
