"""When an interrupted job asks SLURM to be started again, and what comes of the asking."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from attnctl.files import write_atomic
from attnctl.jobs import requeue
from attnctl.jobs.requeue import MAX_FRUITLESS_STARTS, ending, refusal
from attnctl.jobs.runtime.rank import Worker
from attnctl.workspace.layout import RunDir, Workspace
from attnctl.workspace.records import Exit
from tests.fixtures.fake_slurm import Fake

PLACE = Worker(job_id="7_0", task=0, rank=0, world=1, local_rank=0, restart=0, node="n1", on_slurm=True)


@pytest.fixture
def run(tmp_path: Path) -> RunDir:
    return Workspace(tmp_path).run("0" * 16)


def interrupted(run: RunDir, start: int, step: int) -> None:
    write_atomic(
        run.attempt(1).incarnation(start).exit(0), Exit(rank=0, at=1.0, outcome="preempted", step=step).encode()
    )


def asked(run: RunDir, outcome: str, place: Worker = PLACE, *, start: int = 0, began: int = 0, step: int = 5) -> str:
    return refusal(outcome, run, run.attempt(1).incarnation(start), place, began=began, step=step)


@pytest.mark.parametrize("outcome", ["preempted", "timeout"])
def test_an_interrupted_job_that_has_trained_is_requeued(outcome: str, run: RunDir, fake: Fake) -> None:
    fake.says("sacct", "RUNNING\n")
    assert asked(run, outcome) == ""


@pytest.mark.parametrize("outcome", ["error", "interrupted", "diverged", "out of memory"])
def test_other_outcomes_are_not_requeued(outcome: str, run: RunDir, fake: Fake) -> None:
    assert outcome in asked(run, outcome)


def test_a_local_run_is_not_requeued(run: RunDir) -> None:
    assert asked(run, "preempted", replace(PLACE, on_slurm=False)) != ""


def test_a_cancelled_job_stays_cancelled_and_counts_as_preempted_if_sacct_fails(run: RunDir, fake: Fake) -> None:
    fake.says("sacct", "CANCELLED by 1000\n")
    assert "cancelled" in asked(run, "preempted")
    fake.says("sacct", "Welcome to the cluster\nCANCELLED by 1000\n")
    assert "cancelled" in asked(run, "preempted")
    fake.does("sacct", "exit 1")
    assert asked(run, "preempted") == ""


def test_the_log_calls_a_cancelled_job_cancelled_and_not_preempted(run: RunDir, fake: Fake) -> None:
    fake.says("sacct", "CANCELLED by 1000\n")
    assert ending("preempted", asked(run, "preempted"), 0) == "cancelled"
    fake.says("sacct", "PREEMPTED\n")
    assert ending("preempted", asked(run, "preempted"), 0) == "preempted"
    assert ending("preempted", "", 1) == "stopped by SLURM", "a rank that has not asked sacct"
    assert [ending(outcome, "", 0) for outcome in ("completed", "timeout")] == ["completed", "timeout"]


def test_a_time_limit_before_the_first_step_is_too_short(run: RunDir, fake: Fake) -> None:
    assert "too short" in asked(run, "timeout", began=5, step=5)


def test_after_several_starts_without_a_step_the_job_is_not_requeued(run: RunDir, fake: Fake) -> None:
    last = MAX_FRUITLESS_STARTS - 1
    for start in range(last):
        assert asked(run, "preempted", start=start, began=5, step=5) == ""
        interrupted(run, start, 5)
    assert f"{MAX_FRUITLESS_STARTS} starts" in asked(run, "preempted", start=last, began=5, step=5)


def test_starts_that_trained_in_between_do_not_count(run: RunDir, fake: Fake) -> None:
    for start, step in enumerate([4, 5]):
        interrupted(run, start, step)
    assert asked(run, "preempted", start=2, began=5, step=5) == ""


def test_the_job_is_requeued_by_its_task_id_after_all_exit_records_are_written(run: RunDir, fake: Fake) -> None:
    interrupted(run, 0, 5)
    fake.says("scontrol", "")
    assert requeue.requeue(run.attempt(1).incarnation(0), PLACE) == ""
    assert fake.calls("scontrol") == ["requeue 7_0"]


def test_a_refusal_is_returned_unless_the_job_is_queued_already(run: RunDir, fake: Fake) -> None:
    interrupted(run, 0, 5)
    start = run.attempt(1).incarnation(0)
    fake.does("scontrol", "echo 'Requested operation is presently disabled' >&2; exit 1")
    assert "disabled" in requeue.requeue(start, PLACE)
    fake.does("scontrol", "echo 'Job is pending execution' >&2; exit 1")
    assert requeue.requeue(start, PLACE) == ""


def test_ranks_without_an_exit_record_are_waited_for_only_briefly(
    run: RunDir, fake: Fake, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(requeue, "_PATIENCE", 0.1)
    fake.says("scontrol", "")
    assert requeue.requeue(run.attempt(1).incarnation(0), replace(PLACE, world=4)) == ""
    assert fake.calls("scontrol") == ["requeue 7_0"]
