"""Asking the scheduler, and the process table, for all attempts at once; what changed is written down."""

from __future__ import annotations

import contextlib
import os
import re
import socket
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import NamedTuple

from attnctl.files import create_exclusive, write_atomic
from attnctl.jobs.slurm import adopt, queries
from attnctl.lifecycle.state import ABSENT
from attnctl.values import SpecError
from attnctl.workspace import submissions
from attnctl.workspace.layout import Attempt, Workspace
from attnctl.workspace.records import Observed, Placed

ABSENT_APART = 10.0
"""Seconds between the two absences that prove a loss on SLURM: its records lag by up to 5."""

_TAIL = 1 << 14  # bytes of a log that are looked at
_MEMORY = re.compile(rb"^slurmstepd\S*: error: (.*(?:memory limit|oom[-_ ]?kill).*)$", re.MULTILINE | re.IGNORECASE)
_USUAL = {"", "Priority", "Resources", "Dependency", "BeginTime", "JobArrayTaskLimit", "Cleaning"}


class Observation(NamedTuple):
    """words: of what was unavailable, else None. changed: the ids of the runs of which something was written."""

    words: str | None
    changed: frozenset[str]


def observe(workspace: Workspace, placed: Sequence[Placed]) -> Observation:
    """Write Observed records for what has changed.

    placed: the newest attempts of the unfinished runs. One squeue, and at most one sacct, whatever their number. An
    unavailable answer writes nothing, so that nothing changes by it. Jobs of lost submissions are adopted.
    """
    changed: set[str] = set()
    unknown = [item for item in placed if item.job_id is None]
    words = [adopt.adopt(workspace, unknown)] if unknown else []
    changed.update(item.run for item in unknown)
    words.append(_ask_slurm(workspace, [item for item in placed if item.where == "slurm" and item.job_id], changed))
    words.append(_look_here(workspace, [item for item in placed if item.where == "local" and item.job_id], changed))
    return Observation("; ".join(dict.fromkeys(filter(None, words))) or None, frozenset(changed))


def _ask_slurm(workspace: Workspace, placed: Sequence[Placed], changed: set[str]) -> str | None:
    if not placed:
        return None
    jobs = {item.job_id: item.tag for item in placed if item.job_id}
    answers = queries.query(jobs, since=min(item.created for item in placed))
    absent = {item.tag for item in placed if isinstance(answers[item.job_id or ""], queries.Absent)}
    elsewhere = _other_clusters(workspace, absent)
    words = dict.fromkeys(elsewhere.values())
    for item in placed:
        answer = answers[item.job_id or ""]
        if isinstance(answer, queries.Known) and answer.word == "FAILED":
            answer = replace(answer, reason=_of_memory(workspace, item) or answer.reason)
        if isinstance(answer, queries.Unavailable):
            words[f"SLURM does not answer: {answer.words}"] = None
            continue
        told = isinstance(answer, queries.Known) or item.tag not in elsewhere
        if told and _record_answer(workspace.run(item.run).attempt(item.attempt), item.job_id or "", answer):
            changed.add(item.run)
    return "; ".join(words) or None


def _of_memory(workspace: Workspace, item: Placed) -> str | None:
    """What SLURM wrote into the job's log when it ended it for its memory: without cgroups no state says so."""
    for path in sorted(workspace.submission_logs(item.tag).glob(f"{item.job_id}_*_log.out")):
        with contextlib.suppress(OSError), path.open("rb") as stream:
            stream.seek(max(0, path.stat().st_size - _TAIL))
            found = _MEMORY.search(stream.read())
            if found is not None:
                return found[1].decode(errors="replace").strip()[:200]
    return None


def _other_clusters(workspace: Workspace, tags: set[str]) -> dict[str, str]:
    """The tags whose jobs are another cluster's, with words: our scheduler's not knowing them says nothing."""
    if not tags:
        return {}
    try:
        here = queries.limits().cluster
    except SpecError as error:
        return dict.fromkeys(tags, str(error))
    found = {}
    for tag in tags:
        head = submissions.head(workspace.submission(tag))
        if head is not None and head.cluster not in {None, here}:
            found[tag] = f"{tag} is a job of cluster {head.cluster}; this machine asks {here}"
    return found


def _record_answer(attempt: Attempt, job_id: str, answer: queries.Known | queries.Absent) -> bool:
    """Write what is new in an answer; gives whether anything was."""
    if isinstance(answer, queries.Absent):
        return record_absence(attempt, job_id, answer.source, ABSENT_APART)
    known = Observed(
        at=time.time(),
        job_id=job_id,
        word=answer.word,
        reason=answer.reason,
        exit_code=answer.exit_code,
        nodes=answer.nodes,
        source=answer.source,
    )
    seen = attempt.observations()
    if seen and _essence(seen[-1]) == _essence(known):
        return False
    record(attempt, known)
    return True


def _essence(observed: Observed) -> tuple[str, str, str]:
    """What makes a transition: the state, the nodes, and a reason that is not the queue's everyday one."""
    return observed.word, observed.nodes, "" if observed.reason in _USUAL else observed.reason


def record(attempt: Attempt, observed: Observed) -> None:
    """Write one observation under a name of its own."""
    stamp = time.strftime("%Y%m%dT%H%M%S", time.gmtime(observed.at)) + f".{int(observed.at % 1 * 1e6):06d}"
    write_atomic(attempt.observed / f"{stamp}-{socket.gethostname()}-{os.getpid()}.json", observed.encode())


def record_absence(attempt: Attempt, job_id: str, source: str, apart: float) -> bool:
    """Write that the job is unknown: the first time, and once more `apart` seconds later; gives whether it was written.

    The file's name counts the files before it, so that two commands that look at once write one absence, not two.
    """
    count = sum(1 for _ in attempt.observed.glob("*.json")) if attempt.observed.is_dir() else 0
    seen = attempt.observations()
    if seen and seen[-1].word != ABSENT and not queries.Known(word=seen[-1].word).active:
        return False  # its end is known already: SLURM forgets the ended after a while
    before = [observed for observed in seen[-2:] if observed.word == ABSENT]
    if len(before) == 2 or (before and time.time() - before[-1].at < apart):
        return False
    absent = Observed(at=time.time(), job_id=job_id, word=ABSENT, source=source)
    create_exclusive(attempt.observed / f"absent-{count}.json", absent.encode())
    return True


# ------------------------------------------------------------------------------------------------------------- here


def _look_here(workspace: Workspace, placed: Sequence[Placed], changed: set[str]) -> str | None:
    """Attempts whose supervisor and workers are gone from this machine's process table are absent."""
    host = socket.gethostname()
    words: dict[str, None] = {}
    supervised: dict[tuple[int, float], bool] = {}
    for item in placed:
        machine, _, pid = (item.job_id or "").rpartition(":")
        if machine != host or not _is_process(pid):
            words[f"runs that were started on {machine} can only be seen from there"] = None
            continue
        key = (int(pid), item.created)
        if key not in supervised:
            supervised[key] = adopt.alive(*key)
        attempt = workspace.run(item.run).attempt(item.attempt)
        gone = not supervised[key] and not workers(attempt)
        if gone and record_absence(attempt, item.job_id or "", "local", apart=0.0):
            changed.add(item.run)
    return "; ".join(words) or None


def workers(attempt: Attempt, alive: Callable[[int, float], bool] = adopt.alive) -> list[int]:
    """The processes of an attempt that run on this machine, from what its supervisor wrote down."""
    for observed in reversed(attempt.observations()):
        host, _, pids = observed.nodes.rpartition(":")
        if observed.source == "local" and observed.word == "RUNNING" and host == socket.gethostname():
            return [int(pid) for pid in pids.split(",") if _is_process(pid) and alive(int(pid), observed.at)]
    return []


def _is_process(pid: str) -> bool:
    """Whether the text is a process's id: whatever else a broken record holds there is asked for nothing."""
    return pid.isascii() and pid.isdecimal() and 0 < int(pid) < 1 << 31
