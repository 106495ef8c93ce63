"""The state of a run: a pure function from the evidence to a state and its reason.

The evidence is the scheduler's reports, the exit records of the ranks, the time of the first event and our own cancel
record. A failed query of the scheduler writes no observation, so it changes no state.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from attnctl.units import plural
from attnctl.workspace.records import Cancel, Exit, Observed, Request, WaitingRun


class State(StrEnum):
    """What a run is doing, or how its last attempt ended."""

    NEW = "new"
    WAITING = "waiting"
    SUBMITTING = "submitting"
    QUEUED = "queued"
    RUNNING = "running"
    SUSPENDED = "suspended"
    UNCONFIRMED = "unconfirmed"
    COMPLETED = "completed"
    PREEMPTED = "preempted"
    NODE_FAILURE = "node failure"
    LAUNCH_FAILED = "launch failed"
    TIMEOUT = "timeout"
    OUT_OF_MEMORY = "out of memory"
    CUDA_OUT_OF_MEMORY = "CUDA out of memory"
    DIVERGED = "diverged"
    STALLED = "stalled"
    ERROR = "code error"
    KILLED = "killed"
    SETUP = "setup failed"
    HELD = "held"
    CANCELLED = "cancelled"
    REFUSED = "refused"
    DISK_FULL = "disk full"
    ENVIRONMENT_MISSING = "environment missing"
    DATA_MISSING = "data missing"
    DATA_ERROR = "data error"
    BASE_UNFINISHED = "base unfinished"
    UNKNOWN = "unknown"

    @property
    def active(self) -> bool:
        """Whether it is, or may be, queued, running or suspended, or will be submitted without a further command."""
        return self in {
            State.WAITING,
            State.SUBMITTING,
            State.QUEUED,
            State.RUNNING,
            State.SUSPENDED,
            State.UNCONFIRMED,
        }

    @property
    def failed(self) -> bool:
        """Whether it ended with an error that may well happen again."""
        return self in {
            State.OUT_OF_MEMORY,
            State.CUDA_OUT_OF_MEMORY,
            State.DIVERGED,
            State.STALLED,
            State.ERROR,
            State.DATA_ERROR,
            State.KILLED,
        }

    @property
    def lacking(self) -> bool:
        """Whether it ended because something that it needs was not there; it runs once that is there again."""
        return self in {State.ENVIRONMENT_MISSING, State.DATA_MISSING, State.BASE_UNFINISHED}

    @property
    def unsuccessful(self) -> bool:
        """Whether a command that trains or waits for such a run exits with code 1."""
        return self.failed or self.lacking


NEVER_SUBMITTED = "never reached SLURM"
"""Why an intent was closed whose job SLURM does not know."""

NEVER_SENT = "the command that reserved these runs ended before it submitted them"
"""Why reservations without an intent were closed."""

NO_PLACE = "SLURM accepts no more jobs at the moment"
"""How the message about a limit on submitted jobs begins."""

ABSENT = "ABSENT"
"""`Observed.word` when the query succeeded but the scheduler does not know the job."""

UNSEEN = "UNSEEN"
"""`Observed.word` when the scheduler contradicts itself about the job, so that it may still run."""

STEP = "step"
"""`Observed.source` of the job that trains several runs, about the step of one of them."""

OF_PROCESSES = frozenset({"local", STEP})
"""The sources that have seen the processes of the run themselves."""

SLURM_STATES: dict[str, State] = {
    # squeue(1), JOB STATE CODES. Active ones first.
    "PENDING": State.QUEUED,
    "CONFIGURING": State.QUEUED,
    "REQUEUED": State.QUEUED,
    "REQUEUE_FED": State.QUEUED,
    "EXPEDITING": State.QUEUED,  # since 26.05: requeued, and submitted with --requeue=expedite (sbatch(1))
    "REQUEUE_HOLD": State.QUEUED,
    "SPECIAL_EXIT": State.QUEUED,
    "RESV_DEL_HOLD": State.QUEUED,
    "SUSPENDED": State.SUSPENDED,
    "RUNNING": State.RUNNING,
    "COMPLETING": State.RUNNING,
    "RESIZING": State.RUNNING,
    "SIGNALING": State.RUNNING,
    "STAGE_OUT": State.RUNNING,
    "STOPPED": State.SUSPENDED,
    "UPDATE_DB": State.RUNNING,
    "POWER_UP_NODE": State.QUEUED,
    # Terminal ones. COMPLETED without our own exit record does not prove that the training finished.
    "COMPLETED": State.UNKNOWN,
    "CANCELLED": State.CANCELLED,
    "REVOKED": State.CANCELLED,
    "PREEMPTED": State.PREEMPTED,
    "NODE_FAIL": State.NODE_FAILURE,
    "BOOT_FAIL": State.NODE_FAILURE,
    "LAUNCH_FAILED": State.LAUNCH_FAILED,
    "RECONFIG_FAIL": State.NODE_FAILURE,
    "TIMEOUT": State.TIMEOUT,
    "DEADLINE": State.TIMEOUT,
    "OUT_OF_MEMORY": State.OUT_OF_MEMORY,
    "FAILED": State.ERROR,
}
"""Every state of SLURM, in its long form."""

BASE_UNFINISHED = "base unfinished"
"""The outcome of a job that found the run whose weights it starts from unfinished, and gave itself back or ended."""

_WAITING = {"", "Dependency", "BeginTime"}
"""SLURM's reasons of a job that waits for another one, or for the time at which a requeued job may start."""

OUTCOMES: dict[str, State] = {
    "completed": State.COMPLETED,
    "preempted": State.PREEMPTED,
    "timeout": State.TIMEOUT,
    "interrupted": State.CANCELLED,  # Ctrl-C of a local run
    "out of memory": State.OUT_OF_MEMORY,
    "cuda out of memory": State.CUDA_OUT_OF_MEMORY,
    "diverged": State.DIVERGED,
    "stalled": State.STALLED,
    "error": State.ERROR,
    "disk full": State.DISK_FULL,
    "environment missing": State.ENVIRONMENT_MISSING,  # Python itself, or a package that the training needs
    "data missing": State.DATA_MISSING,
    "data error": State.DATA_ERROR,  # such as an image that cannot be decoded
    BASE_UNFINISHED: State.BASE_UNFINISHED,  # the run whose weights it starts from
    "setup": State.SETUP,  # the job's script ended before the training's processes began
    "launch failed": State.LAUNCH_FAILED,  # srun could not launch a rank on one of the job's nodes
    "held": State.HELD,  # other runs of the submission had met the same error at their start
    "superseded": State.UNKNOWN,  # a newer incarnation took over and decides the state
}
"""The outcomes that an exit record can hold."""

_DEFAULT_REASONS: dict[str, str] = {
    "timeout": "it stopped before its time limit",
    "preempted": "SLURM asked it to stop",
    "interrupted": "it was stopped while it trained",
}
"""The reason for an outcome whose exit record has no message."""

_MEMORY = re.compile(r"memory limit|\boom[-_ ]?kill", re.IGNORECASE)
"""What slurmstepd writes into the job's log when it kills a job for its memory; the job's state may be only FAILED."""

_KILLED = re.compile(r"(9|10|12|15|129|130|137|138|140|143):0|\d+:(1|2|9|10|12|15)")
"""Exit codes of a process ended from outside, by SIGHUP, SIGINT, SIGKILL, SIGUSR1, SIGUSR2 or SIGTERM: as reported
by srun, by a shell (128 + signal) and by the system (sacct(1), ExitCode)."""

_SRUN = "1:0"
"""srun's own exit code, as when SLURM attributes the end of a job's earlier start to the current one. A process that
fails by itself writes an exit record, and the job script writes one for a failure before the processes start."""

_NO_LOG = "0:53"
"""The exit code of a job whose log the node could not open: it ended before the first line of its script. slurmstepd
reports it as signal 53, which no process of ours receives."""

LEFT_NO_LOG = "no log in the workspace"
"""The reason of a job whose log, or that of a rank that exited with 1, is not in the workspace: on a node without the
workspace, SLURM 24.11 and 26.05 create the folder of the log there, and then the program fails. A node may follow."""

_PROLOG = re.compile(r"slurm prolog(: \d+)|^Prolog error$")
"""What slurmd writes into the job's log when the node's prolog failed, or else the node's reason. A job that may be
requeued is then held, any other one is cancelled by the system (slurmd's req.c, _launch_job_fail)."""

_CULPRIT = re.compile(r"([A-Za-z0-9_.-]+) could not ")
"""The node that the message of a failed launch begins with."""

_FIRST_NODE = re.compile(r"([A-Za-z0-9_.-]+)(?:\[(\d+)[^\]]*\]([A-Za-z0-9_.-]*))?")

_MOST = 1 << 20
"""Largest number of nodes, processes, cores or minutes accepted in a request."""

_WAITS = "waiting for disk space"

_DISK_FULL = "74:0"
"""The exit code of a worker that could not write its exit record because the disk was full."""


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """Everything that decides the state of a run's newest attempt. Times are Unix seconds."""

    created: float
    """When the attempt was reserved."""
    submitted: bool
    """Whether the scheduler accepted it: its job id is recorded."""
    refused: str | None = None
    """The scheduler's error message, if it refused."""
    observations: Sequence[Observed] = ()
    """Oldest first, one per change of state; ABSENT may come twice in a row."""
    logged: int = 0
    """The bytes of the attempt's event logs now: see `Observed.logged`."""
    exits: Sequence[Exit] = ()
    """Exit records of the newest incarnation."""
    world: int = 1
    """Number of processes of the attempt."""
    started: float | None = None
    """When the newest incarnation wrote its first event."""
    cancel: Cancel | None = None
    waits_for_space: bool = False
    """Whether a rank waits until there is space on the disk."""
    base: str = ""
    """The run whose job this one waits for."""
    unclaimed: bool = False
    """Whether it waits for a place in a job that trains several runs."""


@dataclass(frozen=True)
class Verdict:
    """A state, why, and since when (Unix seconds). node: the one that could not launch the job."""

    state: State
    reason: str
    since: float
    node: str = ""


def decide(evidence: Evidence) -> Verdict:
    """The state that the evidence proves.

    Precedence: a completed exit record of rank 0, which writes the results; an active state in the scheduler; its
    terminal state; any other exit record. FAILED is explained by the exit records; a terminal state that names a cause
    (TIMEOUT ...) is the cause. A job that the scheduler does not show runs as long as its event log grows; it is lost
    if the scheduler did not know it twice, with no event in between.
    """
    first = next((record for record in evidence.exits if record.rank == 0), None)
    if first is not None and all(record.outcome == "completed" for record in evidence.exits):
        return Verdict(State.COMPLETED, "", first.at)  # even before the other ranks' records become visible
    if evidence.refused is not None:
        return Verdict(State.REFUSED, evidence.refused, evidence.created)
    if evidence.unclaimed and evidence.cancel is not None and evidence.cancel.accepted and not evidence.exits:
        return Verdict(State.CANCELLED, f"cancelled by {evidence.cancel.user}", evidence.cancel.at)  # no job takes it
    last = evidence.observations[-1] if evidence.observations else None
    if last is not None and last.word not in {ABSENT, UNSEEN}:
        return _from_scheduler(last, evidence)
    grows = last is not None and last.logged is not None and evidence.logged > last.logged
    if last is not None and last.word == UNSEEN:
        return _alive(last) if grows else Verdict(State.UNCONFIRMED, last.reason, last.at)
    if evidence.exits:
        return _from_exits(evidence)
    if last is not None and grows:
        return _alive(last)
    if last is not None and _proves_loss(evidence):
        if evidence.cancel is not None:
            return Verdict(State.CANCELLED, f"cancelled by {evidence.cancel.user}", evidence.cancel.at)
        gone = "its process is gone" if last.source in OF_PROCESSES else "the scheduler does not know the job"
        return Verdict(State.UNKNOWN, f"{gone}, and it left no exit record", last.at)
    if evidence.waits_for_space:
        return Verdict(State.RUNNING, _WAITS, evidence.started or evidence.created)
    if not evidence.submitted:
        return Verdict(State.SUBMITTING, "not yet accepted by the scheduler", evidence.created)
    if evidence.started is not None:
        return Verdict(State.RUNNING, "", evidence.started)
    return Verdict(State.QUEUED, _waits_for(evidence), evidence.created)


def _alive(last: Observed) -> Verdict:
    return Verdict(State.RUNNING, "SLURM does not show its job, but its event log grows", last.at)


def _proves_loss(evidence: Evidence) -> bool:
    """Whether the scheduler did not know the job twice, or once after it took our cancellation.

    SLURM forgets a task at once that is cancelled while it waits.
    """
    last, cancel = evidence.observations[-1], evidence.cancel
    if cancel is not None and cancel.accepted:
        return True
    return evidence.observations[-2:-1] != [] and _unchanged(evidence.observations[-2], last)


def _unchanged(earlier: Observed, later: Observed) -> bool:
    """Whether both say that the job is unknown, and nothing was logged between them."""
    return earlier.word == later.word == ABSENT and earlier.logged == later.logged


def _from_scheduler(last: Observed, evidence: Evidence) -> Verdict:
    state = SLURM_STATES.get(last.word, State.RUNNING)
    if state is State.RUNNING and evidence.waits_for_space:
        return Verdict(state, _WAITS, last.at)
    if state.active:
        waits = _waits_for(evidence) if state is State.QUEUED and last.reason in _WAITING else ""
        return Verdict(state, waits or last.reason, last.at)
    launch = _failed_launch(last, state, evidence)
    if launch is not None:
        return launch
    if state in {State.ERROR, State.UNKNOWN} and _MEMORY.search(last.reason) and first_failure(evidence.exits) is None:
        return Verdict(State.OUT_OF_MEMORY, last.reason, last.at)
    if state in {State.ERROR, State.UNKNOWN} and evidence.exits:
        return _from_exits(evidence)
    if evidence.cancel is not None and state in {State.CANCELLED, State.ERROR, State.UNKNOWN}:
        return Verdict(State.CANCELLED, f"cancelled by {evidence.cancel.user}", last.at)
    no_record = state is State.ERROR and last.source not in OF_PROCESSES and last.exit_code == _SRUN
    if state is State.ERROR and (no_record or _KILLED.fullmatch(last.exit_code)):
        state = State.KILLED
    elif state is State.ERROR and last.exit_code == _DISK_FULL:
        state = State.DISK_FULL
    if last.source in OF_PROCESSES:
        parts = [last.reason or "the process ended"]
    else:
        parts = [f"SLURM says {last.word}", *([last.reason] if last.reason else [])]
    if last.exit_code and last.exit_code != "0:0":
        parts.append(f"exit code {last.exit_code}")
    if state is State.UNKNOWN or no_record:
        parts.append("but the run left no exit record")
    return Verdict(state, ", ".join(parts), last.at)


def _waits_for(evidence: Evidence) -> str:
    """For which run a queued job waits, as far as known; empty if it waits for none."""
    for record in evidence.exits:
        if record.outcome == BASE_UNFINISHED and not record.secondary:
            return f"waits: {record.message}"
    return f"waits for run {evidence.base}, whose weights it starts from" if evidence.base else ""


def _failed_launch(last: Observed, state: State, evidence: Evidence) -> Verdict | None:
    """The verdict on a job that ended before the first line of its script; None for any other job, or if cancelled."""
    if evidence.cancel is not None or last.source in OF_PROCESSES:
        return None
    node = first_node(last.nodes)
    named = node or "the node"
    began = evidence.started is not None or evidence.exits
    if state is State.ERROR and last.reason.startswith(LEFT_NO_LOG) and not evidence.exits:
        node = last.reason.removeprefix(LEFT_NO_LOG).removeprefix(": ") or node
        return Verdict(State.LAUNCH_FAILED, f"{node or named} could not open the job's log", last.at, node)
    if state is State.ERROR and last.exit_code == _NO_LOG:
        return Verdict(State.LAUNCH_FAILED, f"{named} could not open the job's log", last.at, node)
    prolog = _PROLOG.search(last.reason)
    if state in {State.ERROR, State.CANCELLED, State.LAUNCH_FAILED} and prolog is not None and not began:
        code = f" with exit code {prolog[1].removeprefix(': ')}" if prolog[1] else ""
        reason = f"the cluster's prolog failed on {named}{code}"
        return Verdict(State.LAUNCH_FAILED, reason, last.at, node)
    if state is State.LAUNCH_FAILED:
        reason = ": ".join(filter(None, (f"{named} could not launch the job", last.reason)))
        return Verdict(state, reason, last.at, node)
    return None


def is_still_waiting(record: WaitingRun, number: int, verdict: Verdict | None) -> bool:
    """Whether a run that was put off is still to be submitted.

    number: of its newest attempt, 0 without one; verdict: the state of that attempt. Attempts that were made since then
    and never reached SLURM do not count, because it was killed or had no place for them.
    """
    if record.cancelled_by or (verdict is not None and verdict.state is State.COMPLETED):
        return False
    if number <= record.after:
        return record.ended or verdict is None or not verdict.state.active
    return (
        verdict is not None
        and verdict.state is State.REFUSED
        and verdict.reason.startswith((NEVER_SUBMITTED, NEVER_SENT, NO_PLACE))
    )


def with_waiting(record: WaitingRun, number: int, verdict: Verdict | None, base: State | None) -> Verdict | None:
    """The state of a run for which there is a record of what is still to be submitted.

    number, verdict: as in `is_still_waiting`. base: the state of the run whose weights it starts from; None without.
    """
    if record.cancelled_by and number <= record.after and not (verdict is not None and verdict.state.active):
        return Verdict(State.CANCELLED, f"cancelled by {record.cancelled_by}", record.cancelled_at)
    if not is_still_waiting(record, number, verdict):
        return verdict
    words = f"run {record.base}, whose weights it starts from"
    if base is None or base is State.COMPLETED:
        return Verdict(State.WAITING, record.reason if base is None else f"{words}, is completed", record.created)
    if base.active:
        return Verdict(State.WAITING, f"for {words}, which is {base}", record.created)
    return Verdict(State.BASE_UNFINISHED, f"{words}, is {base}, not completed", record.created)


def first_node(nodelist: str) -> str:
    """The first node of a list such as `node[1-3],gpu7`, on which SLURM runs the job's script; empty for no list."""
    match = _FIRST_NODE.match(nodelist)
    return f"{match[1]}{match[2] or ''}{match[3] or ''}" if match is not None else ""


def _from_exits(evidence: Evidence) -> Verdict:
    """The state by the rank that failed first on its own; ranks that failed because of others come last."""
    exits = evidence.exits
    cause = first_failure(exits)
    silent = sorted(set(range(evidence.world)) - {record.rank for record in exits})
    if cause is None and silent:
        ranks = f"{plural(len(silent), 'rank')} {', '.join(map(str, silent))}"
        return Verdict(State.KILLED, f"{ranks} ended without a word: killed?", min(record.at for record in exits))
    if cause is None:
        cause = min(exits, key=lambda record: (record.outcome == "completed", record.at))
    if any(record.requeued for record in exits) and not _over(evidence, since=cause.at):
        waits = _waits_for(evidence) if cause.outcome == BASE_UNFINISHED else ""
        return Verdict(State.QUEUED, waits or f"starts again after {cause.outcome}", cause.at)
    state = OUTCOMES.get(cause.outcome, State.ERROR)
    if state is State.LAUNCH_FAILED:
        culprit = _CULPRIT.match(cause.message)
        return Verdict(state, cause.message, cause.at, culprit[1] if culprit is not None else "")
    prefix = f"rank {cause.rank}: " if evidence.world > 1 else ""
    reason = prefix + (cause.message or _DEFAULT_REASONS.get(cause.outcome, cause.outcome))
    return Verdict(state, reason, cause.at)


def _over(evidence: Evidence, since: float) -> bool:
    """Whether the scheduler has reported since then that the job ended, or twice that it does not know it."""
    later = [item.word for item in evidence.observations[-2:] if item.at > since]
    state = SLURM_STATES.get(later[-1], State.RUNNING) if later else State.RUNNING
    return later == [ABSENT] * 2 or (later[-1:] != [ABSENT] and not state.active)


def first_failure(exits: Sequence[Exit]) -> Exit | None:
    """The exit record of the rank that failed first on its own (not because of another); None if none did."""
    own = [record for record in exits if record.outcome != "completed" and not record.secondary]
    return min(own, key=lambda record: record.at, default=None)


def world(request: Request) -> int:
    """The number of processes that an attempt requested."""
    return max(1, requested(request, "nodes", 1)) * max(1, requested(request, "tasks_per_node", 1))


def requested(request: Request, name: str, default: int) -> int:
    """A whole number among the resources that an attempt requested; the default for anything else."""
    value = request.resources.get(name)
    return value if type(value) is int and 0 <= value <= _MOST else default


def rules_of(options: Mapping[str, Any]) -> list[str]:
    """The rules of [[slurm.rules]] that an attempt's request records in its options; none for anything else."""
    rules = options.get("rules")
    return [rule for rule in rules if isinstance(rule, str)] if isinstance(rules, list) else []
