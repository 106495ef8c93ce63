"""The state function, as a table of cases."""

from __future__ import annotations

import dataclasses
import signal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from attnctl.lifecycle.state import (
    ABSENT,
    NEVER_SENT,
    NEVER_SUBMITTED,
    NO_PLACE,
    OUTCOMES,
    SLURM_STATES,
    UNSEEN,
    Evidence,
    State,
    Verdict,
    decide,
    with_waiting,
)
from attnctl.workspace.records import Cancel, Exit, Observed, WaitingRun


def said(*words: str, reason: str = "", exit_code: str = "", nodes: str = "") -> list[Observed]:
    return [
        Observed(at=10.0 + index, job_id="7_0", word=word, reason=reason, exit_code=exit_code, nodes=nodes)
        for index, word in enumerate(words)
    ]


def logged(word: str, *sizes: int) -> list[Observed]:
    return [dataclasses.replace(said(word)[0], at=10.0 + at, logged=size) for at, size in enumerate(sizes)]


def left(outcome: str, rank: int = 0, at: float = 20.0, message: str = "", secondary: bool = False) -> Exit:
    return Exit(rank=rank, at=at, outcome=outcome, message=message, secondary=secondary)


def evidence(**known: Any) -> Evidence:
    return Evidence(**{"created": 1.0, "submitted": True, **known})


REQUEUED = Exit(rank=0, at=10.5, outcome="preempted", requeued=True)
CANCEL = Cancel(at=5.0, user="ada", host="login")
UNTAKEN = dataclasses.replace(CANCEL, accepted=False)

CASES = {
    "reserved, sbatch not yet done": (evidence(submitted=False), State.SUBMITTING),
    "sbatch refused": (evidence(submitted=False, refused="invalid partition"), State.REFUSED),
    "accepted, never queried": (evidence(), State.QUEUED),
    "pending": (evidence(observations=said("PENDING")), State.QUEUED),
    "running": (evidence(observations=said("PENDING", "RUNNING"), started=11.0), State.RUNNING),
    "requeued with --requeue=expedite": (
        evidence(observations=said("RUNNING", "EXPEDITING"), started=9.0),
        State.QUEUED,
    ),
    "loop started, never queried": (evidence(started=11.0), State.RUNNING),
    "completed by the record, whatever the scheduler says": (
        evidence(observations=said("RUNNING"), exits=[left("completed")]),
        State.COMPLETED,
    ),
    "completed by the record and failed by the scheduler": (
        evidence(observations=said("FAILED"), exits=[left("completed")]),
        State.COMPLETED,
    ),
    "completed by other ranks' records alone": (
        evidence(observations=said("RUNNING"), world=2, exits=[left("completed", rank=1)]),
        State.RUNNING,
    ),
    "COMPLETED without a record is no proof": (evidence(observations=said("COMPLETED")), State.UNKNOWN),
    "COMPLETED and interrupted by the record": (
        evidence(observations=said("COMPLETED"), exits=[left("preempted")]),
        State.PREEMPTED,
    ),
    "requeued after it was preempted": (
        evidence(observations=said("RUNNING", "PENDING"), exits=[left("preempted")]),
        State.QUEUED,
    ),
    "requeue requested": (evidence(exits=[REQUEUED]), State.QUEUED),
    "killed before it was started again": (
        evidence(observations=said("RUNNING", "FAILED", exit_code="9:0"), exits=[REQUEUED]),
        State.PREEMPTED,
    ),
    "preempted": (evidence(observations=said("PREEMPTED")), State.PREEMPTED),
    "node failed": (evidence(observations=said("NODE_FAIL")), State.NODE_FAILURE),
    "timeout, though a rank wrote an error while dying": (
        evidence(observations=said("TIMEOUT"), exits=[left("error")]),
        State.TIMEOUT,
    ),
    "out of memory": (evidence(observations=said("OUT_OF_MEMORY")), State.OUT_OF_MEMORY),
    "failed, explained by the record": (
        evidence(observations=said("FAILED"), exits=[left("diverged")]),
        State.DIVERGED,
    ),
    "suspended": (evidence(observations=said("RUNNING", "SUSPENDED"), started=11.0), State.SUSPENDED),
    "suspended, and running again": (evidence(observations=said("SUSPENDED", "RUNNING")), State.RUNNING),
    "waits for another run's job": (evidence(observations=said("PENDING", reason="Dependency")), State.QUEUED),
    "gave itself back behind another run": (
        evidence(observations=said("RUNNING", "PENDING"), exits=[left("base unfinished")]),
        State.QUEUED,
    ),
    "ended because nothing continues its base": (
        evidence(observations=said("COMPLETED"), exits=[left("base unfinished")]),
        State.BASE_UNFINISHED,
    ),
    "without its data": (
        evidence(observations=said("FAILED", exit_code="1:0"), exits=[left("data missing")]),
        State.DATA_MISSING,
    ),
    "with an image that cannot be decoded": (
        evidence(observations=said("FAILED", exit_code="1:0"), exits=[left("data error")]),
        State.DATA_ERROR,
    ),
    "without Python": (
        evidence(observations=said("FAILED", exit_code="2:0"), exits=[left("environment missing")]),
        State.ENVIRONMENT_MISSING,
    ),
    "failed without a word, by srun's own code": (
        evidence(observations=said("FAILED", exit_code="1:0")),
        State.KILLED,
    ),
    "failed without a word here": (
        evidence(observations=[dataclasses.replace(said("FAILED", exit_code="1:0")[0], source="local")]),
        State.ERROR,
    ),
    "killed by signal 9": (evidence(observations=said("FAILED", exit_code="0:9")), State.KILLED),
    "killed, as srun tells it": (evidence(observations=said("FAILED", exit_code="9:0")), State.KILLED),
    "told to stop before it could listen": (evidence(observations=said("FAILED", exit_code="12:0")), State.KILLED),
    "an exit code that is no signal's": (evidence(observations=said("FAILED", exit_code="2:0")), State.ERROR),
    "killed, as a shell tells it": (evidence(observations=said("FAILED", exit_code="137:0")), State.KILLED),
    "killed for its memory, where only the log tells it": (
        evidence(observations=said("FAILED", exit_code="9:0", reason="Exceeded job memory limit")),
        State.OUT_OF_MEMORY,
    ),
    "one of two killed for its memory": (
        evidence(
            observations=said("FAILED", exit_code="9:0", reason="Detected 1 oom_kill event in StepId=7.0"),
            world=2,
            exits=[left("error", secondary=True)],
        ),
        State.OUT_OF_MEMORY,
    ),
    "an error of its own, then killed for its memory": (
        evidence(
            observations=said("FAILED", exit_code="9:0", reason="Exceeded job memory limit"),
            world=2,
            exits=[left("diverged")],
        ),
        State.DIVERGED,
    ),
    "the node could not open the log": (evidence(observations=said("FAILED", exit_code="0:53")), State.LAUNCH_FAILED),
    "the node could not open the log when the job started again": (
        evidence(observations=said("RUNNING", "FAILED", exit_code="0:53"), started=11.0, exits=[REQUEUED]),
        State.LAUNCH_FAILED,
    ),
    "the node could not open the log of a job that we cancelled": (
        evidence(observations=said("FAILED", exit_code="0:53"), cancel=CANCEL),
        State.CANCELLED,
    ),
    "SLURM could not launch it": (evidence(observations=said("LAUNCH_FAILED")), State.LAUNCH_FAILED),
    "the prolog failed": (
        evidence(observations=said("CANCELLED", reason="Error running slurm prolog: 1")),
        State.LAUNCH_FAILED,
    ),
    "cancelled after a start whose prolog had failed on another node": (
        evidence(observations=said("CANCELLED", reason="Error running slurm prolog: 1"), started=11.0),
        State.CANCELLED,
    ),
    "a crash is no kill": (evidence(observations=said("FAILED", exit_code="0:11")), State.ERROR),
    **{
        f"ended from outside by signal {number}": (
            evidence(observations=said("FAILED", exit_code=f"0:{number}")),
            State.KILLED,
        )
        for number in (signal.SIGHUP, signal.SIGINT, signal.SIGUSR1, signal.SIGUSR2, signal.SIGTERM, signal.SIGKILL)
    },
    **{
        f"ended by its own fault, exit code {code}": (
            evidence(observations=said("FAILED", exit_code=code)),
            State.ERROR,
        )
        for number in (signal.SIGSEGV, signal.SIGABRT, signal.SIGBUS, signal.SIGFPE)
        for code in (f"0:{number}", f"{number}:0", f"{128 + number}:0")
    },
    "its setup failed": (evidence(observations=said("FAILED", exit_code="3:0"), exits=[left("setup")]), State.SETUP),
    "held by the breaker": (evidence(observations=said("COMPLETED"), exits=[left("held")]), State.HELD),
    "cancelled by us": (evidence(observations=said("CANCELLED"), cancel=CANCEL), State.CANCELLED),
    "cancelled pending element: no accounting record ever": (
        evidence(observations=said(ABSENT), cancel=CANCEL),
        State.CANCELLED,
    ),
    "absent once, and our cancellation was not taken": (
        evidence(observations=said(ABSENT), started=11.0, cancel=UNTAKEN),
        State.RUNNING,
    ),
    "absent twice, and our cancellation was not taken": (
        evidence(observations=said(ABSENT, ABSENT), started=11.0, cancel=UNTAKEN),
        State.CANCELLED,
    ),
    "cancelled before SLURM confirmed it": (evidence(submitted=False, cancel=UNTAKEN), State.SUBMITTING),
    "the scheduler contradicts itself": (evidence(observations=said("RUNNING", UNSEEN)), State.UNCONFIRMED),
    "the scheduler contradicts itself, whatever an earlier record says": (
        evidence(observations=said("RUNNING", UNSEEN), exits=[left("preempted")]),
        State.UNCONFIRMED,
    ),
    "the scheduler contradicts itself about a completed run": (
        evidence(observations=said(UNSEEN), exits=[left("completed")]),
        State.COMPLETED,
    ),
    "its log grows though the scheduler contradicts itself": (
        evidence(observations=logged(UNSEEN, 10), logged=11),
        State.RUNNING,
    ),
    "absent twice, but its log grows": (evidence(observations=logged(ABSENT, 10, 10), logged=11), State.RUNNING),
    "absent twice, but its log grew in between": (
        evidence(observations=logged(ABSENT, 10, 11), logged=11, started=11.0),
        State.RUNNING,
    ),
    "absent twice, and its log stands still": (
        evidence(observations=logged(ABSENT, 11, 11), logged=11, started=11.0),
        State.UNKNOWN,
    ),
    "cancel requested, still running": (evidence(observations=said("RUNNING"), cancel=CANCEL), State.RUNNING),
    "absent once": (evidence(observations=said(ABSENT)), State.QUEUED),
    "absent once while running": (evidence(observations=said("RUNNING", ABSENT), started=11.0), State.RUNNING),
    "absent twice": (evidence(observations=said("RUNNING", ABSENT, ABSENT), started=11.0), State.UNKNOWN),
    "absent, but it left a record": (
        evidence(observations=said("RUNNING", ABSENT), exits=[left("cuda out of memory")]),
        State.CUDA_OUT_OF_MEMORY,
    ),
    "one rank completed, the other not": (
        evidence(observations=said("FAILED"), world=2, exits=[left("completed"), left("error", rank=1)]),
        State.ERROR,
    ),
    "a word of a newer SLURM is no end": (evidence(observations=said("FLYING")), State.RUNNING),
}


@pytest.mark.parametrize(("known", "state"), CASES.values(), ids=CASES)
def test_the_evidence_decides(known: Evidence, state: State) -> None:
    assert decide(known).state is state


def test_the_first_rank_that_failed_by_itself_is_the_cause() -> None:
    exits = [
        left("error", rank=0, at=20.0, message="connection reset", secondary=True),
        left("error", rank=2, at=22.0, message="too late"),
        left("error", rank=1, at=21.0, message="KeyError: 'x'"),
    ]
    assert decide(evidence(observations=said("FAILED"), world=3, exits=exits)).reason == "rank 1: KeyError: 'x'"


def test_a_rank_without_an_exit_record_is_the_cause() -> None:
    exits = [left("error", rank=0, message="connection reset", secondary=True)]
    verdict = decide(evidence(observations=said("FAILED"), world=2, exits=exits))
    assert (verdict.state, verdict.reason) == (State.KILLED, "rank 1 ended without a word: killed?")


def test_the_reason_quotes_the_scheduler() -> None:
    verdict = decide(evidence(observations=said("PENDING", reason="PartitionTimeLimit")))
    assert verdict.reason == "PartitionTimeLimit"
    failed = decide(evidence(observations=said("FAILED", reason="NonZeroExitCode", exit_code="9:0")))
    assert failed.reason == "SLURM says FAILED, NonZeroExitCode, exit code 9:0"


@pytest.mark.parametrize(
    ("nodelist", "first"),
    {"node1": "node1", "node[03-05,9]": "node03", "a1,b2": "a1", "gpu[1-2]-ib": "gpu1-ib", "": ""}.items(),
)
def test_a_failed_launch_names_the_node_that_runs_the_script(nodelist: str, first: str) -> None:
    verdict = decide(evidence(observations=said("FAILED", exit_code="0:53", nodes=nodelist)))
    assert (verdict.node, verdict.reason) == (first, f"{first or 'the node'} could not open the job's log")


def test_srun_could_not_launch_a_rank_on_another_node() -> None:
    exits = [left("launch failed", message="node4 could not open the job's log"), left("error", 2, secondary=True)]
    verdict = decide(evidence(observations=said("FAILED", exit_code="1:0", nodes="node[3-4]"), world=3, exits=exits))
    assert (verdict.state, verdict.node) == (State.LAUNCH_FAILED, "node4")
    assert verdict.reason == "node4 could not open the job's log"
    exits = [left("launch failed", message="one of its nodes could not open the job's log")]
    assert decide(evidence(observations=said("FAILED"), exits=exits)).node == ""


def test_every_state_is_exactly_one_of_active_interrupted_failed_lacking_or_at_rest() -> None:
    at_rest = {State.NEW, State.COMPLETED}
    interrupted = {
        State.PREEMPTED,
        State.NODE_FAILURE,
        State.LAUNCH_FAILED,
        State.TIMEOUT,
        State.SETUP,
        State.HELD,
        State.CANCELLED,
        State.REFUSED,
        State.DISK_FULL,
        State.UNKNOWN,
    }
    kinds = [[state.active, state in interrupted, state.failed, state.lacking, state in at_rest] for state in State]
    assert all(kind.count(True) == 1 for kind in kinds)


WAITS = WaitingRun(run="0" * 16, after=1, tag="t", created=30.0, host="login", user="ada", reason="full")
BASE = dataclasses.replace(WAITS, base="1" * 16)
CANCELLED = dataclasses.replace(WAITS, cancelled_by="ada", cancelled_at=40.0)

WAITING_CASES = {
    "a new run": (dataclasses.replace(WAITS, after=0), 0, None, None, State.WAITING, "full"),
    "resumed after an end": (WAITS, 1, State.PREEMPTED, None, State.WAITING, "full"),
    "started again by SLURM meanwhile": (WAITS, 1, State.RUNNING, None, State.RUNNING, "why"),
    "put off by its own job, which still ends": (
        dataclasses.replace(WAITS, ended=True),
        1,
        State.RUNNING,
        None,
        State.WAITING,
        "full",
    ),
    "completed meanwhile": (WAITS, 1, State.COMPLETED, None, State.COMPLETED, "why"),
    "submitted": (WAITS, 2, State.QUEUED, None, State.QUEUED, "why"),
    "submitted, and ended": (WAITS, 2, State.ERROR, None, State.ERROR, "why"),
    "rejected by SLURM": (WAITS, 2, State.REFUSED, None, State.REFUSED, "why"),
    "its base is queued": (
        BASE,
        1,
        None,
        State.QUEUED,
        State.WAITING,
        f"for run {'1' * 16}, whose weights it starts from, which is queued",
    ),
    "its base is completed": (
        BASE,
        1,
        State.BASE_UNFINISHED,
        State.COMPLETED,
        State.WAITING,
        f"run {'1' * 16}, whose weights it starts from, is completed",
    ),
    "its base was cancelled": (
        BASE,
        1,
        State.BASE_UNFINISHED,
        State.CANCELLED,
        State.BASE_UNFINISHED,
        f"run {'1' * 16}, whose weights it starts from, is cancelled, not completed",
    ),
    "cancelled": (CANCELLED, 1, State.PREEMPTED, None, State.CANCELLED, "cancelled by ada"),
    "cancelled, but it has a job": (CANCELLED, 2, State.RUNNING, None, State.RUNNING, "why"),
}


@pytest.mark.parametrize("case", WAITING_CASES)
def test_a_run_that_was_put_off_waits_until_a_job_has_it(case: str) -> None:
    record, number, newest, base, state, why = WAITING_CASES[case]
    verdict = with_waiting(record, number, Verdict(newest, "why", 20.0) if newest is not None else None, base)
    assert verdict is not None
    assert (verdict.state, verdict.reason) == (state, why)


@pytest.mark.parametrize("reason", [NEVER_SUBMITTED, NEVER_SENT, f"{NO_PLACE}: QOSMaxSubmitJobPerUserLimit"])
def test_an_attempt_that_never_reached_slurm_does_not_end_the_wait(reason: str) -> None:
    verdict = with_waiting(WAITS, 2, Verdict(State.REFUSED, reason, 20.0), None)
    assert verdict is not None
    assert (verdict.state, verdict.since) == (State.WAITING, 30.0)


EXITS = st.lists(
    st.builds(Exit, rank=st.integers(0, 3), at=st.floats(0, 99), outcome=st.sampled_from(sorted(OUTCOMES)))
)
WORDS = st.lists(st.sampled_from([*sorted(SLURM_STATES), ABSENT, UNSEEN]), max_size=4)


@given(words=WORDS, exits=EXITS, submitted=st.booleans(), cancel=st.sampled_from([None, CANCEL]))
def test_any_evidence_yields_a_state_and_completed_needs_a_record(
    words: list[str], exits: list[Exit], submitted: bool, cancel: Cancel | None
) -> None:
    verdict = decide(evidence(observations=said(*words), exits=exits, submitted=submitted, cancel=cancel))
    if verdict.state is State.COMPLETED:
        assert exits
        assert all(record.outcome == "completed" for record in exits)


def test_a_run_is_completed_since_rank_0s_exit_whichever_other_records_exist() -> None:
    alone, all_ranks = [left("completed", at=20.0)], [left("completed", at=20.0), left("completed", rank=1, at=20.5)]
    verdicts = [decide(evidence(world=2, exits=exits)) for exits in (alone, all_ranks)]
    assert [(verdict.state, verdict.since) for verdict in verdicts] == [(State.COMPLETED, 20.0)] * 2


def test_a_queued_run_says_for_which_run_it_waits() -> None:
    behind = evidence(observations=said("PENDING", reason="Dependency"), base="0123456789abcdef")
    words = "waits for run 0123456789abcdef, whose weights it starts from"
    assert decide(behind).reason == decide(evidence(base="0123456789abcdef")).reason == words
    other = evidence(observations=said("PENDING", reason="Priority"), base="0123456789abcdef")
    assert decide(other).reason == "Priority", "it waits for its turn"
    message = "run 0123456789abcdef, whose weights it starts from, is running as SLURM job 12_0"
    record = dataclasses.replace(left("base unfinished", message=message), requeued=True)
    for observed in (said("PENDING", reason="Dependency"), said("PENDING", reason="BeginTime"), []):
        verdict = decide(evidence(observations=observed, exits=[record], base="0123456789abcdef"))
        assert (verdict.state, verdict.reason) == (State.QUEUED, f"waits: {message}")


def test_a_run_of_this_machine_that_is_gone_says_so_without_a_scheduler() -> None:
    gone = [dataclasses.replace(item, source="local") for item in said("RUNNING", ABSENT, ABSENT)]
    assert decide(evidence(observations=gone)).reason == "its process is gone, and it left no exit record"
    stopped = dataclasses.replace(said("CANCELLED", reason="the command was stopped")[0], source="local")
    assert decide(evidence(observations=[stopped])).reason == "the command was stopped"
