"""Worker processes: who may run, how they end, and what they leave behind."""

import dataclasses
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from multiprocessing.process import BaseProcess
from pathlib import Path

import pytest

from attnctl.files import write_atomic
from attnctl.lifecycle.state import Evidence, State, decide, first_failure
from attnctl.workspace.layout import Workspace
from attnctl.workspace.records import Exit, Submission
from tests.jobs.training.training_workers import (
    PATIENCE,
    Mischief,
    Run,
    events,
    exit_codes,
    logs,
    make_spec,
    metrics,
    outcomes,
    wait_for_progress,
    wait_until,
)

pytestmark = pytest.mark.usefixtures("real_processes")


def test_the_command_trains_a_run_and_writes_its_records(tmp_path: Path) -> None:
    run = Run.create(tmp_path / "w", make_spec(epochs=1))
    tag, incarnation = run.submit()
    (tmp_path / "db.py").write_text("raise RuntimeError('a file of the user shadows ours')")
    command = [sys.executable, "-P", "-m", "attnctl.jobs.worker", *run.arguments(tag), "--task", "0"]
    done = subprocess.run(
        command, cwd=tmp_path, env={**os.environ, **run.environ(0, 1)}, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", ""), logs(incarnation)
    assert outcomes(incarnation) == ["completed"]
    assert [event["kind"] for event in events(incarnation) if event["kind"] != "progress"] == [
        "model",
        "checkpoint",
        "metrics",
        "checkpoint",
        "end",
    ]
    (model,) = events(incarnation, "model")
    assert (model["params"], model["steps"], model["world"], model["device"]) == (274490, 5, 1, "cpu")
    (row,) = events(incarnation, "metrics")
    assert set(row["values"]) == {"loss", "top1", "top5", "train_loss", "train_top1", "lr", "images_per_s"}
    env = json.loads(incarnation.env.read_bytes())
    assert env["threads"] == 1
    assert env["packages"]["torch"]
    assert run.directory.attempt(1).owner.read_text() == "h:1"


def test_a_job_that_does_not_own_the_attempt_exits_and_changes_nothing(tmp_path: Path) -> None:
    run = Run.create(tmp_path / "w", make_spec())
    tag, incarnation = run.submit(2)
    run.directory.attempt(1).owner.write_text("somebody:1")
    with run.started(2, job="h:2", tag=tag) as (processes, _):
        assert exit_codes(processes, 10) == [0, 0]
    assert not incarnation.path.exists()


def test_a_job_that_is_requeued_after_completion_exits_and_changes_nothing(tmp_path: Path) -> None:
    run = Run.create(tmp_path / "w", make_spec())
    tag, incarnation = run.submit(1)
    run.directory.attempt(1).owner.write_text("5_0")
    write_atomic(incarnation.exit(0), Exit(rank=0, at=1.0, outcome="completed").encode())
    job = {"JOB_ID": "5", "ARRAY_JOB_ID": "5", "ARRAY_TASK_ID": "0", "RESTART_COUNT": "1", "PROCID": "0", "NTASKS": "1"}
    job |= {"LOCALID": "0", "JOB_NUM_NODES": "1", "NODEID": "0", "JOB_NODELIST": "node1"}
    command = [sys.executable, "-P", "-m", "attnctl.jobs.worker", *run.arguments(tag)]
    environ = {**os.environ, **{f"SLURM_{name}": value for name, value in job.items()}}
    done = subprocess.run(command, env=environ, capture_output=True, text=True, check=False)
    assert (done.returncode, "is completed" in done.stderr) == (0, True), done.stderr
    assert [item.token for item in run.directory.attempt(1).incarnations()] == [(1, 0)]


def test_a_job_of_a_closed_submission_exits_and_changes_nothing(tmp_path: Path) -> None:
    """Its runs may have been submitted again since: somebody else's job trains them."""
    run = Run.create(tmp_path / "w", make_spec())
    tag, incarnation = run.submit(1)
    path = run.workspace.submission(tag)
    write_atomic(path, dataclasses.replace(Submission.decode(path.read_bytes()), failed="never reached SLURM").encode())
    with run.started(1, job="h:1", tag=tag) as (processes, _):
        assert exit_codes(processes, 10) == [0]
    assert not incarnation.path.exists()
    assert not run.directory.attempt(1).owner.exists()


def test_a_superseded_attempt_stops_before_it_saves(tmp_path: Path) -> None:
    run = Run.create(tmp_path / "w", make_spec())
    slow = {rank: Mischief(slow=0.3) for rank in range(2)}
    with run.started(2, mischief=slow) as (processes, incarnation):
        wait_until(lambda: events(incarnation, "model"))
        run.directory.attempt(2).path.mkdir()
        assert exit_codes(processes) == [0, 0], logs(incarnation)
    assert outcomes(incarnation) == ["superseded"] * 2
    assert not events(incarnation, "checkpoint")


def test_a_superseded_attempt_stops_within_seconds_even_without_saving(tmp_path: Path) -> None:
    run = Run.create(tmp_path / "w", make_spec(batch=64, norm_batch=32))  # epochs of 22 steps
    slow = {rank: Mischief(slow=1.0) for rank in range(2)}
    with run.started(2, mischief=slow) as (processes, incarnation):
        wait_for_progress(processes, incarnation)
        run.directory.attempt(2).path.mkdir()
        assert exit_codes(processes, 15) == [0, 0], logs(incarnation)
    assert outcomes(incarnation) == ["superseded"] * 2
    assert not events(incarnation, "checkpoint")
    first, second = incarnation.exits()
    assert first.used["waited"] >= 0
    assert first.used["cores"] >= 0
    assert "cpu_joules" in {**first.used, **first.unread}
    assert "cpu_joules" not in {**second.used, **second.unread}, "the first process of a node reads its counters"


def test_a_loss_that_is_not_finite_ends_the_run_as_diverged_on_all_ranks(tmp_path: Path) -> None:
    run = Run.create(tmp_path / "w", make_spec(lr=1e30, warmup_epochs=0.0))
    with run.started(2) as (processes, incarnation):
        assert exit_codes(processes) == [1, 1]
    assert outcomes(incarnation) == ["diverged"] * 2
    verdict = decide(Evidence(created=0, submitted=True, exits=incarnation.exits(), world=2))
    assert verdict.state is State.DIVERGED


def test_when_a_rank_is_killed_the_others_end_within_seconds_as_secondary_failures(tmp_path: Path) -> None:
    run = Run.create(tmp_path / "w", make_spec())
    harm = {rank: Mischief(slow=0.05) for rank in range(4)} | {2: Mischief(at=3, number=signal.SIGKILL)}
    with run.started(4, mischief=harm) as (processes, incarnation):
        processes[2].join(60)
        died = time.monotonic()
        assert exit_codes(processes, 10) == [1, 1, -signal.SIGKILL, 1]
        assert time.monotonic() - died < 5
    exits = incarnation.exits()
    assert [(record.rank, record.secondary) for record in exits] == [(0, True), (1, True), (3, True)]
    verdict = decide(Evidence(created=0, submitted=True, exits=exits, world=4))
    assert (verdict.state, verdict.reason) == (State.KILLED, "rank 2 ended without a word: killed?")


def test_the_rank_that_fails_first_is_the_cause(tmp_path: Path) -> None:
    run = Run.create(tmp_path / "w", make_spec())
    with run.started(2, mischief={1: Mischief(at=2, number=Mischief.OUT_OF_MEMORY)}) as (processes, incarnation):
        assert exit_codes(processes, 20) == [1, 1], logs(incarnation)
    cause = first_failure(incarnation.exits())
    assert cause is not None
    assert (cause.rank, cause.outcome, cause.step) == (1, "out of memory", 2)
    assert "Disturbed" in cause.traceback or "train" in cause.traceback


def test_two_ranks_that_were_suspended_together_continue_with_the_same_results(tmp_path: Path) -> None:
    """They are stopped for longer than the watchdog allows without a step, but it does not count that time."""
    disturbed = Run.create(tmp_path / "w", make_spec())
    plain = Run.create(tmp_path / "plain", make_spec())
    harm = {rank: Mischief(slow=0.5, hasty=True) for rank in range(2)}
    with disturbed.started(2, mischief=harm) as (processes, incarnation):
        wait_for_progress(processes, incarnation)
        send(processes, signal.SIGSTOP)
        time.sleep(PATIENCE + 2)
        send(processes, signal.SIGCONT)
        assert exit_codes(processes) == [0, 0], logs(incarnation)
    assert outcomes(incarnation) == ["completed"] * 2
    assert metrics(incarnation) == metrics(plain.train(2))


def test_a_communication_timeout_caused_by_a_suspension_is_not_an_error(tmp_path: Path) -> None:
    """Rank 0 continues before rank 1, and its collective, whose clock ran during the stop, times out."""
    run = Run.create(tmp_path / "w", make_spec())
    plain = Run.create(tmp_path / "plain", make_spec())
    harm = {rank: Mischief(slow=0.5, hasty=True, timeout=PATIENCE) for rank in range(2)}
    with run.started(2, mischief=harm) as (processes, incarnation):
        wait_for_progress(processes, incarnation)
        send(processes, signal.SIGSTOP)
        time.sleep(PATIENCE + 2)
        send(processes[:1], signal.SIGCONT)
        assert exit_codes(processes[:1], 60) == [0], logs(incarnation)
        send(processes[1:], signal.SIGCONT)
        assert exit_codes(processes, 60) == [0, 0], logs(incarnation)
    exits = incarnation.exits()
    assert [(record.outcome, record.secondary) for record in exits] == [("preempted", True)] * 2
    words = "s, after which the processes could not reach each other: "
    assert all("the job was suspended for " in record.message and words in record.message for record in exits)
    verdict = decide(Evidence(created=0, submitted=True, exits=exits, world=2))
    assert verdict.state is State.PREEMPTED
    assert metrics(incarnation, run.train(2)) == metrics(plain.train(2))


def send(processes: Sequence[BaseProcess], number: int) -> None:
    for process in processes:
        os.kill(process.pid or 0, number)


def test_a_checkpoint_that_was_moved_is_found_and_one_that_is_gone_is_announced(tmp_path: Path) -> None:
    """The second attempt was submitted before today's settings named another folder."""
    run = Run.create(tmp_path / "w", make_spec())
    settings = run.workspace.root / "attnctl.toml"
    with run.started(mischief={0: Mischief(at=7)}) as (processes, first):
        assert exit_codes(processes) == [0], logs(first)
    tag, second = run.submit()
    run.workspace.submission_settings(tag).write_bytes(settings.read_bytes())
    settings.write_text('[paths]\ncheckpoints = "moved"\n')
    moved = Workspace(run.workspace.root, checkpoints_root=run.workspace.root / "moved").run(run.spec.id).checkpoints
    moved.parent.mkdir()
    run.directory.checkpoints.rename(moved)
    run.train(tag=tag, mischief={0: Mischief(at=9)})
    (resumed,) = events(second, "resumed")
    assert Path(resumed["path"]).parent == moved
    assert resumed["step"] == first.exits()[0].step > 0
    assert [path.parent for path in run.directory.checkpoints.glob("*.pt")] == [run.directory.checkpoints]

    for folder in (moved, run.directory.checkpoints):
        shutil.rmtree(folder)
    third = run.train()
    assert events(third, "restarted")[0]["lost"] == second.exits()[0].step
    assert "is gone, so the run starts over; searched: " in logs(third)
    plain = Run.create(tmp_path / "plain", make_spec())
    assert metrics(third) == metrics(plain.train())


def test_all_ranks_of_a_run_whose_base_is_unfinished_end_for_that_reason(tmp_path: Path) -> None:
    base = "0" * 16
    run = Run.create(tmp_path / "w", dataclasses.replace(make_spec(), init=f"run:{base}"))
    with run.started(2) as (processes, incarnation):
        assert exit_codes(processes) == [0, 0], logs(incarnation)
    exits = incarnation.exits()
    assert [(record.outcome, record.secondary) for record in exits] == [
        ("base unfinished", False),
        ("base unfinished", True),
    ]
    verdict = decide(Evidence(created=0, submitted=True, exits=exits, world=2))
    assert verdict.state is State.BASE_UNFINISHED
    assert verdict.reason == f"rank 0: run {base}, whose weights it starts from, is new, not completed"


def test_a_signal_while_waiting_for_the_others_ends_the_process_cleanly(tmp_path: Path) -> None:
    run = Run.create(tmp_path / "w", make_spec())
    tag, incarnation = run.submit(2)
    with run.started(1, tag=tag, mischief={0: Mischief(environ={"WORLD_SIZE": "2"})}) as (processes, _):
        wait_until(incarnation.rendezvous.exists)
        os.kill(processes[0].pid or 0, signal.SIGTERM)
        assert exit_codes(processes, 20) == [0]
    assert outcomes(incarnation) == ["interrupted"]


def test_a_number_of_processes_that_does_not_fit_is_a_one_line_error(tmp_path: Path) -> None:
    run = Run.create(tmp_path / "w", make_spec(norm_batch=256))
    with run.started(2) as (processes, incarnation):
        assert exit_codes(processes) == [1, 1]
    messages = {record.message for record in incarnation.exits()}
    assert len(messages) == 1
    assert "worlds that fit: 1," in messages.pop()
