"""The steps of a job that runs share: their options, their memory, their environment."""

from __future__ import annotations

import pytest

from attnctl.jobs.slurm import steps
from attnctl.settings.memory_request import RESERVE
from tests.fixtures.fake_slurm import Fake


def test_steps_have_their_own_cores_but_share_gpus() -> None:
    assert steps.options(2, shares=False) == ["--nodes=1", "--ntasks=2", "--exact"]
    assert steps.options(1, shares=True) == ["--nodes=1", "--ntasks=1", "--overlap", "--cpu-bind=none"]


def test_each_step_gets_its_share_of_the_memory(fake: Fake) -> None:
    fake.says("scontrol", "JobId=7 TRES=cpu=3,mem=6256M,node=1,billing=3 Features=(null)")
    asked_for = str(3 * 2000 + RESERVE)
    assert steps.memory({"SLURM_MEM_PER_NODE": asked_for}, "7_0", 3) == ["--mem=2000M"]
    assert steps.memory({"SLURM_MEM_PER_CPU": "1000", "SLURM_CPUS_ON_NODE": "4"}, "7_0", 2) == ["--mem=1872M"]
    assert fake.calls("scontrol") == []
    assert steps.memory({"SLURM_MEM_PER_GPU": "6256"}, "7_0", 3) == ["--mem=2000M"]
    fake.says("scontrol", "JobId=7 TRES=cpu=3,node=1,billing=3")
    assert steps.memory({}, "7_0", 3) == []


def test_a_start_of_a_job_runs_as_long_as_slurm_does_not_start_the_job_again(fake: Fake) -> None:
    fake.says("scontrol", "JobId=8 Requeue=1 Restarts=1 BatchFlag=2 JobState=RUNNING Reason=None")
    assert steps.runs_now("7_0", 1) is True
    assert steps.runs_now("7_0", 0) is False
    fake.says("scontrol", "JobId=8 Requeue=1 Restarts=1 BatchFlag=2 JobState=PENDING Reason=BeginTime")
    assert steps.runs_now("7_0", 1) is False
    fake.does("scontrol", "exit 1")
    assert steps.runs_now("7_0", 1) is None


@pytest.mark.parametrize(("text", "seconds"), [("4:57", 297), ("1-00:00:01", 86401), ("UNLIMITED", None), ("", None)])
def test_the_time_that_is_left_of_a_job_is_asked_for(fake: Fake, text: str, seconds: float | None) -> None:
    fake.says("squeue", f"{text}\n")
    assert steps.seconds_left("7_0") == seconds
    fake.does("squeue", "exit 1")
    assert steps.seconds_left("7_0") is None


@pytest.mark.parametrize(
    ("text", "megabytes"),
    [
        ("TRES=cpu=1,mem=1400M,node=1", 1400),  # 22.05
        ("ReqTRES=cpu=1,mem=9G AllocTRES=cpu=2,mem=2G,node=1", 2048),  # 24.11
        ("TRES=cpu=1,node=1", None),
        ("TRES=mem=nonsense", None),
    ],
    ids=str,
)
def test_the_memory_of_a_job_is_read_from_what_slurm_has_allocated(text: str, megabytes: int | None) -> None:
    assert steps.allocated_memory(f"JobId=7 {text} Features=(null)") == megabytes


def test_a_step_does_not_take_the_options_of_its_job_for_its_own() -> None:
    of_job = {"SLURM_NTASKS": "1", "SLURM_CPUS_PER_TASK": "8", "SLURM_TRES_PER_TASK": "cpu=8", "SLURM_MEM_PER_CPU": "9"}
    kept = {"SLURM_JOB_ID": "7", "SLURM_RESTART_COUNT": "1", "SLURM_CONF": "/etc/slurm.conf", "PATH": "/bin"}
    assert steps.environment(of_job | kept) == kept
