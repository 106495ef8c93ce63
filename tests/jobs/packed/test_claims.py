"""Which runs a job takes that several runs share: its own, then those that no other job has taken."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from attnctl.files import write_atomic
from attnctl.jobs.packed.claims import Claims
from attnctl.jobs.slurm.observe import record
from attnctl.jobs.submission.submit import submit
from attnctl.lifecycle.state import STEP
from attnctl.settings.config import Config
from attnctl.spec import RunSpec
from attnctl.workspace import submissions
from attnctl.workspace.records import Cancel, Exit, Observed, Resources, Submission

Specs = Callable[[int], list[RunSpec]]


@pytest.fixture
def job(config: Config, make_specs: Specs) -> Callable[[int], Claims]:
    """The view of an element of an array in which six runs share three jobs."""
    (done,) = submit(config, make_specs(6), Resources(), config.slurm, "local")
    path = config.workspace.submission(done.tag)
    submissions.change(config.workspace, done.tag, job_id="7", runs_per_job=2)
    submission = Submission.read(path)
    assert submission is not None
    assert submission.runs_per_job == 2
    return lambda element: Claims(config.workspace, submission, f"7_{element}")


def observed(word: str, source: str) -> Observed:
    return Observed(at=time.time(), job_id="7_0", word=word, source=source)


def test_a_job_takes_its_own_runs_then_those_whose_job_starts_last(job: Callable[[int], Claims]) -> None:
    first, second = job(0), job(1)
    assert first.may_take(others=False)
    assert [first.take(others=False) for _ in range(3)] == [0, 1, None]
    assert (first.may_take(others=False), first.may_take(others=True)) == (False, True)
    assert [first.take(others=True) for _ in range(2)] == [5, 4]
    assert [second.take(others=True) for _ in range(3)] == [2, 3, None]
    assert not second.may_take(others=True)
    assert job(2).take(others=True) is None
    assert submissions.owner(first.attempt(5)) == "7_0"


def test_runs_are_left_that_were_cancelled_or_whose_job_has_ended(job: Callable[[int], Claims]) -> None:
    claims = job(0)
    cancel = Cancel(at=time.time(), user="ada", host="login1")
    write_atomic(claims.attempt(1).cancel, cancel.encode())
    record(claims.attempt(5), observed("CANCELLED", "squeue"))
    record(claims.attempt(4), observed("PENDING", "squeue"))
    assert [claims.take(others=True) for _ in range(5)] == [0, 4, 3, 2, None]


def test_a_job_that_starts_again_takes_its_own_run_whatever_its_earlier_start_met(
    job: Callable[[int], Claims],
) -> None:
    record(job(0).attempt(0), observed("NODE_FAIL", "sacct"))
    assert job(0).take(others=False) == 0


def test_a_run_that_was_submitted_again_is_left(config: Config, job: Callable[[int], Claims]) -> None:
    claims = job(0)
    run = claims.attempt(0).path.parent.parent.name
    config.workspace.run(run).attempt(2).path.mkdir()
    assert claims.take(others=False) == 1


def test_only_runs_that_have_not_ended_start_again(job: Callable[[int], Claims]) -> None:
    claims = job(0)
    while claims.take(others=True) is not None:
        pass
    ended = Exit(rank=0, at=time.time(), outcome="error")
    write_atomic(claims.attempt(0).incarnation(0).exit(0), ended.encode())
    goes_on = Exit(rank=0, at=time.time(), outcome="preempted", requeued=True)
    write_atomic(claims.attempt(1).incarnation(0).exit(0), goes_on.encode())
    record(claims.attempt(2), observed("FAILED", STEP))
    record(claims.attempt(3), observed("NODE_FAIL", "sacct"))
    assert sorted(job(0).again()) == [1, 3, 4, 5]
    assert list(job(1).again()) == []
