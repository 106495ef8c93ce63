"""Every state has one sentence of advice."""

from __future__ import annotations

from pathlib import Path

import pytest

from attnctl.lifecycle.advice import AdviceContext, about_data, about_gpu, advise, queue_blocker
from attnctl.lifecycle.state import State, Verdict


@pytest.mark.parametrize("state", list(State))
def test_every_state_has_one_sentence_of_advice(state: State) -> None:
    known = AdviceContext(run="0123456789abcdef", checkpoint=40, memory=1500, norm_batch=32)
    words = advise(Verdict(state, "", 0.0), known)
    assert words.endswith(".")
    assert "{" not in words
    assert "\n" not in words


@pytest.mark.parametrize("reason", ["PartitionTimeLimit", "launch failed requeued held", "JobHeldUser"])
def test_a_run_that_can_never_start_gets_advice(reason: str) -> None:
    verdict = Verdict(State.QUEUED, reason, 0.0)
    assert reason.lower() in advise(verdict, AdviceContext(run="0123456789abcdef", job="7_1")).lower()
    assert queue_blocker(Verdict(State.RUNNING, reason, 0.0)) is None
    assert queue_blocker(Verdict(State.QUEUED, "Resources", 0.0)) is None


@pytest.mark.parametrize(
    "reason",
    [
        "QOSMaxWallDurationPerJobLimit",
        "QOSMaxCpuPerJobLimit",
        "QOSMaxGRESPerJob",
        "QOSMaxCpuPerNode",
        "QOSMinGRES",
        "AssocMaxNodePerJobLimit",
        "AssocMaxCpuMinutesPerJobLimit",
        "InvalidQOS",
    ],
)
def test_a_limit_on_a_single_job_never_passes(reason: str) -> None:
    assert queue_blocker(Verdict(State.QUEUED, reason, 0.0)) is not None


@pytest.mark.parametrize(
    ("reason", "waits_for"),
    [
        ("QOSMaxJobsPerUserLimit", "when other jobs have ended"),
        ("QOSMaxCpuPerUserLimit", "when other jobs have ended"),
        ("QOSMaxGRESPerUser", "when other jobs have ended"),
        ("QOSMaxNodePerAccountLimit", "when other jobs have ended"),
        ("QOSGrpCpuLimit", "when other jobs have ended"),
        ("QOSGrpGRES", "when other jobs have ended"),
        ("QOSJobLimit", "when other jobs have ended"),
        ("AssocMaxJobsLimit", "when other jobs have ended"),
        ("AssocGrpJobsLimit", "when other jobs have ended"),
        ("AssocGrpCPURunMinutesLimit", "when other jobs have ended"),
        ("MaxJobsPerAccount", "when other jobs have ended"),
        ("AssocGrpCPUMinutesLimit", "when the budget is renewed"),
        ("QOSGrpBillingMinutes", "when the budget is renewed"),
        ("QOSGrpWallLimit", "when the budget is renewed"),
        ("ReqNodeNotAvail, Reserved for maintenance", "when they are back"),
        ("ReqNodeNotAvail, UnavailableNodes:node[1-4]", "when they are back"),
        ("Nodes required for job are DOWN, DRAINED or reserved for jobs", "when they are back"),
        ("PartitionDown", "when the partition is up again"),
        ("Reservation", "with its reservation"),
    ],
)
def test_a_reason_that_passes_is_no_blocker_and_is_explained(reason: str, waits_for: str) -> None:
    verdict = Verdict(State.QUEUED, reason, 0.0)
    assert queue_blocker(verdict) is None
    words = advise(verdict, AdviceContext(run="0123456789abcdef"))
    assert words.startswith(reason)
    assert waits_for in words


@pytest.mark.parametrize("state", [State.ERROR, State.HELD])
def test_the_advice_for_own_code_says_that_only_a_sweep_takes_an_edit(state: State) -> None:
    known = AdviceContext(run="0123456789abcdef", own_files=[Path("/home/me/mine.py")])
    words = advise(Verdict(state, "", 0.0), known)
    assert words.endswith(
        "If the fault is in /home/me/mine.py: resume runs the code as it was; edit it and run `attnctl sweep` again."
    )


def test_a_lost_checkpoint_takes_precedence_over_other_advice() -> None:
    words = advise(Verdict(State.TIMEOUT, "", 0.0), AdviceContext(run="0123456789abcdef", gone=40))
    assert "--yes" in words


@pytest.mark.parametrize(
    ("waited", "busy", "cores", "words"),
    [
        (None, None, 1, ""),
        (0.1, 8.0, 8, ""),
        (0.4, 7.9, 12, "It waits for data 40 % of the time, and 7.9 of its 12 cores work: its files are slow to read"),
        (0.4, 11.8, 12, "It waits for data 40 % of the time: 8 more cores would load it faster (--cpus-per-task 20,"),
        (0.5, 0.2, 1, "0.2 of its 1 core works"),
        (1.0, None, 2, "18 more cores"),
    ],
)
def test_a_training_that_waits_for_data_gets_advice(
    waited: float | None, busy: float | None, cores: int, words: str
) -> None:
    found = about_data(waited, busy, cores)
    assert words in found
    assert bool(found) == bool(words)


GB = 1_000_000_000


@pytest.mark.parametrize(
    ("busy", "used", "total", "runs"),
    [
        (0.12, 3 * GB, 80 * GB, 7),
        (0.01, 3 * GB, 80 * GB, 8),
        (0.12, 30 * GB, 80 * GB, 2),
        (0.12, 50 * GB, 80 * GB, 0),
        (0.3, 3 * GB, 80 * GB, 3),
        (0.0, 3 * GB, 80 * GB, 8),
        (0.6, 3 * GB, 80 * GB, 0),
        (None, 3 * GB, 80 * GB, 0),
        (0.12, None, 80 * GB, 0),
        (0.12, 3 * GB, None, 0),
    ],
)
def test_a_gpu_with_room_for_more_runs_gets_advice(
    busy: float | None, used: int | None, total: int | None, runs: int
) -> None:
    words = about_gpu(busy, used, total, shared=False)
    assert bool(words) == bool(runs)
    assert f"--runs-per-gpu {runs} " in words or not runs
    assert about_gpu(busy, used, total, shared=True) == ""


def test_the_advice_on_a_gpu_says_what_it_is_from() -> None:
    assert about_gpu(0.12, 3 * GB, 80 * GB, shared=False) == (
        "The GPU was 12 % busy, and 3 of its 80 GB were used: --runs-per-gpu 7 trains 7 such runs on it at a time."
    )
