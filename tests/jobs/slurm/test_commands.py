"""SLURM's commands as processes."""

import os

import pytest

from attnctl.jobs.slurm import commands
from attnctl.jobs.slurm.commands import CommandError


def test_a_command_that_hangs_is_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(CommandError) as error:
        commands.run(["sleep", "60"], timeout=0.2)
    assert error.value.timed_out
    assert str(error.value) == "sleep did not answer within 0.2 s"


def test_the_variables_of_an_enclosing_job_are_not_passed_to_commands(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("SLURM_JOB_ID", "SLURM_CPU_BIND", "SQUEUE_FORMAT", "SACCT_FORMAT", "RANK", "ATTNCTL_JOB_ID"):
        monkeypatch.setenv(name, "1")
    monkeypatch.setenv("SLURM_CONF", "/etc/slurm.conf")
    assert os.environ.keys() - commands.environment().keys() == {
        "SLURM_JOB_ID",
        "SLURM_CPU_BIND",
        "SQUEUE_FORMAT",
        "SACCT_FORMAT",
        "RANK",
        "ATTNCTL_JOB_ID",
    }


def test_an_error_message_is_one_line_without_the_commands_name() -> None:
    text = "sbatch: error: invalid partition specified: nope\nsbatch: error: Batch job submission failed: Invalid\n"
    assert commands.one_line(text) == "invalid partition specified: nope; Batch job submission failed: Invalid"
