"""A run of a shared job, started by an srun that runs the command on this machine."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from attnctl.files import write_atomic
from attnctl.jobs.packed.step import Command, Step, command_of_worker, hold
from attnctl.jobs.slurm import steps
from attnctl.lifecycle.state import Evidence, State, Verdict, decide
from attnctl.workspace.layout import Attempt, Workspace
from attnctl.workspace.records import Cancel, Exit

RUN = "0" * 16


@pytest.fixture
def attempt(tmp_path: Path) -> Attempt:
    found = Workspace(tmp_path).run(RUN).attempt(1)
    found.incarnation(0).path.mkdir(parents=True)
    return found


def start(attempt: Attempt, script: str, *, runs_now: bool | None = True) -> Step:
    """A step whose processes are a shell script; its srun takes one option."""
    command = Command(
        srun=["sh", "-c", 'shift; exec "$@"', "srun"],
        worker=["bash", "-c", script],
        environ=os.environ,
        job_id="7_0",
        node="node1",
        restart=0,
        runs_now=lambda: runs_now,
    )
    return Step(command, attempt, 3)


def end(step: Step, *, stopping: bool = False) -> None:
    while not step.ended(stopping=stopping):
        time.sleep(0.02)


def verdict(attempt: Attempt) -> Verdict:
    return decide(
        Evidence(
            created=0.0,
            submitted=True,
            observations=attempt.observations(),
            exits=attempt.incarnation(0).exits(),
            cancel=Cancel.read(attempt.cancel),
        )
    )


def write_exit(attempt: Attempt, outcome: str, *, requeued: bool = False) -> None:
    record = Exit(rank=0, at=time.time(), outcome=outcome, message="told", requeued=requeued)
    write_atomic(attempt.incarnation(0).exit(0), record.encode())


def test_a_run_runs_until_its_step_ends(attempt: Attempt) -> None:
    os.mkfifo(attempt.path / "go")
    step = start(attempt, f"read line < '{attempt.path}/go'; exit 1")
    assert not step.ended(stopping=False)
    assert verdict(attempt).state is State.RUNNING
    (attempt.path / "go").write_text("now")
    end(step)
    assert verdict(attempt).state is State.ERROR
    assert "exit code 1:0" in verdict(attempt).reason


@pytest.mark.parametrize(
    ("script", "state", "reason"),
    [
        ("exit 137", State.KILLED, "exit code 137:0"),
        ("echo oh no; exit 3", State.ERROR, "oh no, exit code 3:0"),
        (
            "echo 'slurmstepd-n1: error: StepId=7.1 exceeded memory limit (9 > 4), being killed'; exit 137",
            State.OUT_OF_MEMORY,
            "exceeded memory limit (9 > 4)",
        ),
        ("exit 74", State.DISK_FULL, "exit code 74:0"),
    ],
    ids=str,
)
def test_a_run_that_leaves_no_exit_record_has_the_state_of_its_step(
    attempt: Attempt, script: str, state: State, reason: str
) -> None:
    step = start(attempt, script)
    end(step)
    found = verdict(attempt)
    assert found.state is state
    assert reason in found.reason
    assert not step.interrupted


def test_the_exit_record_of_a_run_decides_while_its_job_goes_on(attempt: Attempt) -> None:
    step = start(attempt, "exit 1")
    write_exit(attempt, "diverged")
    end(step)
    assert (verdict(attempt).state, verdict(attempt).reason) == (State.DIVERGED, "told")


def test_what_slurm_says_of_the_job_decides_when_the_job_is_stopped(attempt: Attempt) -> None:
    step = start(attempt, "exit 0")
    write_exit(attempt, "preempted", requeued=True)
    end(step)
    assert [item.word for item in attempt.observations()] == ["RUNNING"]
    assert step.interrupted
    assert step.requeued


def test_a_run_without_a_record_in_a_job_that_is_stopped_waits_for_what_slurm_says(attempt: Attempt) -> None:
    end(start(attempt, "exit 137"), stopping=True)
    assert [item.word for item in attempt.observations()] == ["RUNNING"]


def test_a_step_says_nothing_of_a_run_that_goes_on_in_a_later_start_of_the_job(attempt: Attempt) -> None:
    step = start(attempt, "exit 137")
    attempt.incarnation(1).path.mkdir()
    end(step)
    assert [item.word for item in attempt.observations()] == ["RUNNING"]
    assert step.outdated
    assert step.interrupted


@pytest.mark.parametrize("runs_now", [False, None])
def test_srun_that_loses_its_job_says_nothing_of_the_run(attempt: Attempt, runs_now: bool | None) -> None:
    step = start(attempt, "echo 'srun: error: Node failure on node4'", runs_now=runs_now)
    end(step)
    assert [item.word for item in attempt.observations()] == ["RUNNING"]
    assert step.interrupted


def test_a_cancelled_run_is_asked_to_save(attempt: Attempt) -> None:
    step = start(attempt, f"trap 'echo asked; exit 0' {steps.STOP.name}; echo ready; while :; do sleep 0.05; done")
    while b"ready" not in attempt.worker_log.read_bytes():
        time.sleep(0.02)
    write_atomic(attempt.cancel, Cancel(at=time.time(), user="ada", host="login1").encode())
    end(step)
    assert b"asked" in attempt.worker_log.read_bytes()
    assert (verdict(attempt).state, verdict(attempt).reason) == (State.CANCELLED, "cancelled by ada")


def test_a_run_is_held(attempt: Attempt) -> None:
    command = Command(srun=[], worker=[], environ={}, job_id="7_0", node="node1", restart=0, runs_now=lambda: True)
    hold(command, attempt, "the same error in 3 runs: x")
    assert verdict(attempt).state is State.HELD


def test_the_command_of_a_worker_names_the_settings_if_there_are_some() -> None:
    assert command_of_worker(Path("/w"), "tag", "")[-4:] == ["--workspace", "/w", "--tag", "tag"]
    assert command_of_worker(Path("/w"), "tag", "0f")[-2:] == ["--settings", "0f"]
