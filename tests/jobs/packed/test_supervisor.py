"""The supervisor of a shared job, with an srun that writes the exit record of its run."""

from __future__ import annotations

import json
import shlex
import time
from collections.abc import Callable

import pytest

from attnctl.files import write_atomic
from attnctl.jobs.packed.supervisor import main
from attnctl.jobs.submission import guard
from attnctl.jobs.submission.submit import Submitted, submit
from attnctl.lifecycle.state import State
from attnctl.settings.config import Config
from attnctl.spec import RunSpec
from attnctl.workspace import submissions
from attnctl.workspace.layout import Attempt
from attnctl.workspace.records import Exit, Placed, Resources
from tests.fixtures.fake_slurm import Fake, verdicts

Specs = Callable[[int], list[RunSpec]]


@pytest.fixture
def job(config: Config, make_specs: Specs, monkeypatch: pytest.MonkeyPatch, fake: Fake) -> Submitted:
    """Three runs, two of which share the job 7_0, in whose environment this process is."""
    (done,) = submit(config, make_specs(3), Resources(), config.slurm, "local")
    submissions.change(config.workspace, done.tag, job_id="7", runs_per_job=2)
    variables = {"JOB_ID": "8", "ARRAY_JOB_ID": "7", "ARRAY_TASK_ID": "0", "NTASKS": "1", "PROCID": "0", "LOCALID": "0"}
    for name, value in (variables | {"MEM_PER_NODE": "2256", "JOB_NUM_NODES": "1", "NODEID": "0"}).items():
        monkeypatch.setenv(f"SLURM_{name}", value)
    monkeypatch.setenv("SLURMD_NODENAME", "node1")
    fake.says("scontrol", "JobId=8 JobState=RUNNING Restarts=0")
    return done


def attempt(config: Config, job: Submitted, task: int) -> Attempt:
    run, number = job.tasks[task]
    return config.workspace.run(run).attempt(number)


def srun(fake: Fake, config: Config, job: Submitted, outcome: str, *, requeued: bool = False, restart: int = 0) -> None:
    """An srun whose runs end with this outcome."""
    record = json.dumps({"rank": 0, "at": time.time(), "outcome": outcome, "requeued": requeued})
    paths = [attempt(config, job, task).incarnation(restart).path for task in range(len(job.tasks))]
    folders = " ".join(shlex.quote(str(path)) for path in paths)
    fake.does(
        "srun",
        f'folders=({folders})\nwhile [ "$1" != --task ]; do shift; done\n'
        f'mkdir -p "${{folders[$2]}}" && echo \'{record}\' > "${{folders[$2]}}/exit.0.json"',
    )


def run(config: Config, job: Submitted, *options: str) -> int:
    return main(["--workspace", str(config.workspace.root), "--tag", job.tag, *options, "--", "srun", "--exact"])


def states(config: Config, job: Submitted) -> list[State]:
    placed = [
        Placed(run=run, attempt=number, tag=job.tag, where="slurm", job_id="7_0", created=0.0)
        for run, number in job.tasks
    ]
    return [found.state for found in verdicts(config, placed)]


def test_a_job_trains_its_runs_and_then_those_of_jobs_that_wait(fake: Fake, config: Config, job: Submitted) -> None:
    srun(fake, config, job, "completed")
    assert run(config, job) == 0
    assert states(config, job) == [State.COMPLETED] * 3
    assert {submissions.owner(attempt(config, job, task)) for task in range(3)} == {"7_0"}
    calls = fake.calls("srun")
    assert [call.partition(" --task ")[2] for call in calls] == ["0", "1", "2"]
    assert all(call.startswith(f"--exact --mem=1000M --job-name={job.tasks[k][0]} ") for k, call in enumerate(calls))
    assert not [call for call in fake.calls("scontrol") if "requeue" in call]


def test_the_runs_of_a_whole_node_are_spread_over_its_gpus(fake: Fake, config: Config, job: Submitted) -> None:
    fake.says("nvidia-smi", "GPU 0: A100\nGPU 1: A100\n")
    srun(fake, config, job, "completed")
    script = fake.folder / "srun"
    script.write_text(script.read_text().replace("$*", "$CUDA_VISIBLE_DEVICES $*", 1))
    assert run(config, job, "--gpus=1") == 0
    assert [call.partition(" ")[0] for call in fake.calls("srun")[:2]] == ["0", "1"]


def test_in_the_second_half_of_its_time_a_job_takes_no_run_that_is_meant_for_another(
    fake: Fake, config: Config, job: Submitted
) -> None:
    srun(fake, config, job, "completed")
    fake.says("squeue", "0:01\n")  # less than half of it is left after the first two
    script = fake.folder / "srun"
    script.write_text(f"{script.read_text()}\nsleep 0.6\n")
    assert run(config, job) == 0
    assert states(config, job) == [State.COMPLETED, State.COMPLETED, State.QUEUED]


def test_an_interrupted_job_takes_no_further_run_and_is_started_again(
    fake: Fake, config: Config, job: Submitted, monkeypatch: pytest.MonkeyPatch
) -> None:
    srun(fake, config, job, "preempted", requeued=True)
    assert run(config, job) == 0
    assert "requeue 7_0" in fake.calls("scontrol")
    assert states(config, job) == [State.RUNNING, State.RUNNING, State.QUEUED]  # until SLURM says that the job waits
    assert not attempt(config, job, 2).owner.exists()
    monkeypatch.setenv("SLURM_RESTART_COUNT", "1")
    fake.says("scontrol", "JobId=8 JobState=RUNNING Restarts=1")
    srun(fake, config, job, "completed", restart=1)
    assert run(config, job) == 0
    assert states(config, job) == [State.COMPLETED] * 3


def test_a_job_that_slurm_has_started_again_elsewhere_leaves_everything_to_that_start(
    fake: Fake, config: Config, job: Submitted
) -> None:
    srun(fake, config, job, "preempted", requeued=True)
    script = fake.folder / "srun"
    script.write_text(f'{script.read_text()}\nmkdir "${{folders[$2]}}/../1"\n')
    assert run(config, job) == 0
    assert not [call for call in fake.calls("scontrol") if "requeue" in call]
    assert not attempt(config, job, 2).owner.exists()


def test_a_job_that_slurm_has_put_back_into_the_queue_takes_no_run(fake: Fake, config: Config, job: Submitted) -> None:
    srun(fake, config, job, "completed")
    fake.says("scontrol", "JobId=8 JobState=PENDING Restarts=1")
    assert run(config, job) == 0
    assert fake.calls("srun") == []
    assert not attempt(config, job, 0).owner.exists()


def test_where_slurm_does_not_requeue_each_run_says_how_it_continues(
    fake: Fake, config: Config, job: Submitted
) -> None:
    srun(fake, config, job, "timeout", requeued=True)
    fake.does(
        "scontrol",
        "[ $1 = show ] && { echo JobState=RUNNING; exit; }; echo 'operation is presently disabled' >&2; exit 1",
    )
    assert run(config, job) == 0
    for task in range(2):
        (ended,) = attempt(config, job, task).incarnation(0).exits()
        assert not ended.requeued
        assert "presently disabled" in ended.message


def test_runs_are_held_after_the_same_error_in_several(fake: Fake, config: Config, job: Submitted) -> None:
    srun(fake, config, job, "completed")
    for task in range(3, 6):
        guard.record_error(config.workspace, job.tag, task, "no such module")
    assert run(config, job) == 0
    assert fake.calls("srun") == []
    assert states(config, job) == [State.HELD] * 3


def test_a_run_that_was_completed_meanwhile_is_not_started_again(
    fake: Fake, config: Config, job: Submitted, monkeypatch: pytest.MonkeyPatch
) -> None:
    for task, outcome in enumerate(("completed", "error", "preempted")):
        write_atomic(attempt(config, job, task).owner, b"7_0")
        record = Exit(rank=0, at=time.time(), outcome=outcome, requeued=outcome == "preempted")
        write_atomic(attempt(config, job, task).incarnation(0).exit(0), record.encode())
    monkeypatch.setenv("SLURM_RESTART_COUNT", "1")
    fake.says("scontrol", "JobId=8 JobState=RUNNING Restarts=1")
    srun(fake, config, job, "completed", restart=1)
    assert run(config, job) == 0
    assert [call.rpartition(" ")[2] for call in fake.calls("srun")] == ["2"]


def test_a_submission_that_was_closed_has_nothing_to_do(fake: Fake, config: Config, job: Submitted) -> None:
    submissions.change(config.workspace, job.tag, failed="never reached SLURM")
    assert run(config, job) == 0
    assert fake.calls("srun") == []


def test_runs_that_a_fault_of_their_gpu_ended_together_continue_each_in_a_job_of_its_own(
    fake: Fake, config: Config, job: Submitted
) -> None:
    srun(fake, config, job, "error")
    script = fake.folder / "srun"
    fault = '"message": "AcceleratorError: CUDA error: unspecified launch failure", "rank": 0'
    script.write_text(script.read_text().replace('"rank": 0', fault))
    fake.does("sbatch", f"cat > /dev/null; case $* in *--test-only*) ;; *) echo x >> '{fake.folder}/n'; echo 90;; esac")
    assert run(config, job) == 0
    for task in range(3):
        (ended,) = attempt(config, job, task).incarnation(0).exits()
        assert ended.message == (
            "AcceleratorError: CUDA error: unspecified launch failure; continues as SLURM job 90_0; "
            "a fault of the GPU ends all runs that share it"
        )
        assert attempt(config, job, task).path.with_name("2").is_dir()
    assert (fake.folder / "n").read_text().split() == ["x"] * 3


def test_a_run_that_alone_has_a_fault_of_the_gpu_has_failed(fake: Fake, config: Config, job: Submitted) -> None:
    srun(fake, config, job, "completed")
    script = fake.folder / "srun"
    record = {"rank": 0, "at": time.time(), "outcome": "error", "message": "CUDA error: device-side assert triggered"}
    fault = f'\n[ $2 = 1 ] && echo {shlex.quote(json.dumps(record))} > "${{folders[1]}}/exit.0.json"; true\n'
    script.write_text(script.read_text() + fault)
    assert run(config, job) == 0
    assert states(config, job) == [State.COMPLETED, State.ERROR, State.COMPLETED]
    assert fake.calls("sbatch") == []
