"""Queries the scheduler and the process table for all attempts at once, and records what changed."""

from __future__ import annotations

import contextlib
import os
import re
import socket
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import NamedTuple

from attnctl.files import cannot_write, create_exclusive, read_end, reason, write_atomic
from attnctl.jobs.slurm import adopt, job, queries
from attnctl.lifecycle import evidence
from attnctl.lifecycle.state import ABSENT, LEFT_NO_LOG, STEP, UNSEEN
from attnctl.workspace.layout import Attempt, Workspace, skip_unreadable
from attnctl.workspace.records import Observed, Placed, Request, user_name

ABSENCE_INTERVAL = 10.0
"""Seconds between the two failed lookups after which a SLURM job counts as lost: its records lag by up to 5 s."""
SILENCE_INTERVAL = 60.0
"""The same for a job that has begun to train: a training that still runs writes an event within that time."""
RENEWAL_INTERVAL = 300.0
"""Seconds between two records about a job that SLURM does not show although its event log grows."""

_MEMORY_ERROR = re.compile(
    rb"^slurmstepd\S*: error: (.*(?:memory limit|oom[-_ ]?kill).*)$", re.MULTILINE | re.IGNORECASE
)
_PROLOG_ERROR = re.compile(rb"^(Error running slurm prolog: \d+)$", re.MULTILINE)
_RANK_EXITED = re.compile(r"^srun: error: (\S+): tasks? (\d+)\S*: Exited with exit code 1$", re.MULTILINE)


class Observation(NamedTuple):
    """unavailable: why some states could not be queried, else None. changed: ids of the runs with new records."""

    unavailable: str | None
    changed: frozenset[str]


def observe(workspace: Workspace, placed: Sequence[Placed]) -> Observation:
    """Write Observed records for what has changed.

    placed: the newest attempts of the unfinished runs. Runs one squeue, and for the jobs that it does not list a few
    commands more, however many attempts there are. If SLURM does not answer, nothing is written and no state changes.
    Jobs of lost submissions are adopted.
    A reader without write access, or a full disk, sees the states that were recorded before, and a message.
    """
    changed: set[str] = set()
    unknown = [item for item in placed if item.job_id is None]
    changed.update(item.run for item in unknown)
    on_slurm = [item for item in placed if item.where == "slurm" and item.job_id]
    local = [item for item in placed if item.where == "local" and item.job_id]
    messages: list[str | None] = []
    looks: tuple[Callable[[], str | None], ...] = (
        lambda: adopt.adopt(workspace, unknown) if unknown else None,
        lambda: _observe_slurm(workspace, on_slurm, changed),
        lambda: _observe_local(workspace, local, changed),
    )
    for look in looks:
        try:
            messages.append(look())
        except OSError as error:
            if not cannot_write(error):
                raise
            messages.append(f"changes of states cannot be recorded: {reason(error)}")
    return Observation("; ".join(dict.fromkeys(filter(None, messages))) or None, frozenset(changed))


def _observe_slurm(workspace: Workspace, placed: Sequence[Placed], changed: set[str]) -> str | None:
    if not placed:
        return None
    jobs = job.of(workspace, placed)
    answers = queries.query(list(jobs.values()))
    messages: dict[str, None] = {}
    for item in placed:
        answer = answers[jobs[item]]
        if isinstance(answer, queries.JobStatus) and answer.state in {"FAILED", "CANCELLED", "COMPLETED"}:
            answer = replace(answer, reason=_error_of_node(workspace, item, answer) or answer.reason)
        if isinstance(answer, queries.Unavailable | queries.Hidden):
            messages[answer.message] = None
        elif _record_answer(workspace, item, answer):
            changed.add(item.run)
    return "; ".join(messages) or None


def _error_of_node(workspace: Workspace, item: Placed, answer: queries.JobStatus) -> str | None:
    """What SLURM wrote into the job's log when it killed the job for its memory, or when the node's prolog failed.

    Without cgroups the job's state is only FAILED or COMPLETED, not OUT_OF_MEMORY. A job that may not be requeued is
    CANCELLED by the system when the prolog fails. What a job without a log means is in attnctl.jobs.slurm.versions.
    """
    logs = sorted(workspace.submission_logs(item.tag).glob(f"{item.job_id}_*_log.out"))
    if not logs and answer.state == "CANCELLED" and answer.nodes:
        return queries.prolog_error(answer.nodes, answer.cluster)
    if not logs and answer.state == "FAILED" and answer.exit_code == "1:0":
        return LEFT_NO_LOG
    for path in logs:
        with contextlib.suppress(OSError):
            text = read_end(path)
            if (found := memory_error(text) or _error(_PROLOG_ERROR, text)) is not None:
                return found
            exited = _RANK_EXITED.findall(text.decode(errors="replace"))  # earlier starts of the job use the same log
            newest = workspace.run(item.run).attempt(item.attempt).incarnations()[-1:]
            if exited and not any(start.log(int(exited[-1][1])).exists() for start in newest):
                return f"{LEFT_NO_LOG}: {exited[-1][0]}"
    return None


def memory_error(text: bytes) -> str | None:
    """What SLURM wrote into a log when it ended a job or a step for its memory; None if it did not."""
    return _error(_MEMORY_ERROR, text)


def _error(pattern: re.Pattern[bytes], text: bytes) -> str | None:
    match = pattern.search(text)
    return match[1].decode(errors="replace").strip()[:200] if match is not None else None


def _record_answer(
    workspace: Workspace, item: Placed, answer: queries.JobStatus | queries.Absent | queries.Unseen
) -> bool:
    """Record the answer if it differs from the last one; returns whether it did."""
    job_id = item.job_id or ""
    if isinstance(answer, queries.Absent | queries.Unseen):
        attempt = workspace.run(item.run).attempt(item.attempt)
        logged = evidence.logged(attempt)
        word, reason = (UNSEEN, answer.reason) if isinstance(answer, queries.Unseen) else (ABSENT, "")
        observed = Observed(
            at=time.time(), job_id=job_id, word=word, reason=reason, source=answer.source, logged=logged
        )
        return record_absence(attempt, observed, SILENCE_INTERVAL if logged else ABSENCE_INTERVAL)
    observed = Observed(
        at=time.time(),
        job_id=job_id,
        word=answer.state,
        reason=answer.reason,
        exit_code=answer.exit_code,
        nodes=answer.nodes,
        source=answer.source,
    )
    if item.observed == observed.essence:
        return False  # as the index has it: of thousands of jobs that run, no file is read
    attempt = workspace.run(item.run).attempt(item.attempt)
    earlier = attempt.observations()
    if earlier and earlier[-1].essence == observed.essence:
        return False
    if earlier and earlier[-1].source == STEP and ended(earlier[-1]):
        return False  # the job goes on with other runs
    record(attempt, observed)
    return True


def record(attempt: Attempt, observed: Observed) -> None:
    """Write one observation to a file with a unique name."""
    stamp = time.strftime("%Y%m%dT%H%M%S", time.gmtime(observed.at)) + f".{int(observed.at % 1 * 1e6):06d}"
    write_atomic(attempt.observed / f"{stamp}-{socket.gethostname()}-{os.getpid()}.json", observed.encode())


def record_absence(attempt: Attempt, absence: Observed, interval: float) -> bool:
    """Record that the scheduler does not show the job; returns whether a record was written.

    That it does not know the job is recorded once more after `interval` seconds. The file's name contains the number of
    files before it, so two commands that look at once write only one record.
    """
    count = sum(1 for _ in attempt.observed.glob("*.json")) if attempt.observed.is_dir() else 0
    earlier = attempt.observations()
    if earlier and ended(earlier[-1]):
        return False  # its end is already recorded; SLURM forgets ended jobs after a while (MinJobAge)
    same = [item for item in earlier[-2:] if (item.word, item.logged) == (absence.word, absence.logged)]
    if earlier and earlier[-1].word == absence.word:
        needed = RENEWAL_INTERVAL if earlier[-1].logged != absence.logged else interval
        if absence.at - earlier[-1].at < needed or len(same) == (2 if absence.word == ABSENT else 1):
            return False
    create_exclusive(attempt.observed / f"absent-{count}.json", absence.encode())
    return True


def ended(observed: Observed) -> bool:
    """Whether it says that the job has ended."""
    return observed.word not in {ABSENT, UNSEEN} and not queries.JobStatus(state=observed.word).active


# ------------------------------------------------------------------------------------------------------ this machine


def _observe_local(workspace: Workspace, placed: Sequence[Placed], changed: set[str]) -> str | None:
    """Record an absence for attempts whose supervisor and workers no longer run on this machine."""
    host = socket.gethostname()
    messages: dict[str, None] = {}
    supervised: dict[tuple[int, float], bool] = {}
    processes_hidden = adopt.processes_hidden()
    for item in placed:
        machine, _, pid = (item.job_id or "").rpartition(":")
        if machine != host or not _is_process_id(pid):
            messages[f"runs that were started on {machine} can only be checked on {machine}"] = None
            continue
        user = _requested_by(workspace, item) if processes_hidden else user_name()
        if user != user_name():
            messages[f"only {user} can check the runs of {user}: {machine} hides other users' processes"] = None
            continue
        key = (int(pid), item.created)
        if key not in supervised:
            supervised[key] = adopt.alive(*key)
        attempt = workspace.run(item.run).attempt(item.attempt)
        if not supervised[key] and not workers(attempt):
            absence = Observed(at=time.time(), job_id=item.job_id or "", word=ABSENT, source="local")
            if record_absence(attempt, absence, interval=0.0):
                changed.add(item.run)
    return "; ".join(messages) or None


def _requested_by(workspace: Workspace, item: Placed) -> str:
    """The user whose command trains a local run; ourselves if its request cannot be read."""
    request = None
    with skip_unreadable():
        request = Request.read(workspace.run(item.run).attempt(item.attempt).request)
    return request.user if request is not None else user_name()


def workers(attempt: Attempt, alive: Callable[[int, float], bool] = adopt.alive) -> list[int]:
    """The ids of the attempt's processes that run on this machine, from the record of its supervisor."""
    for observed in reversed(attempt.observations()):
        host, _, pids = observed.nodes.rpartition(":")
        if observed.source == "local" and observed.word == "RUNNING" and host == socket.gethostname():
            return [int(pid) for pid in pids.split(",") if _is_process_id(pid) and alive(int(pid), observed.at)]
    return []


def _is_process_id(pid: str) -> bool:
    """Whether the text is a valid process id; a damaged record may contain anything."""
    return pid.isascii() and pid.isdecimal() and 0 < int(pid) < 1 << 31
