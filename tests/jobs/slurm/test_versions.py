"""The forms that SLURM's releases give to the same value."""

from __future__ import annotations

import pytest

from attnctl.jobs.slurm.job import Job
from attnctl.jobs.slurm.queries import JobStatus, query
from attnctl.jobs.slurm.versions import exit_code, requested_memory, signal_of_step
from tests.fixtures.fake_slurm import Fake


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("0", "0:0"),
        ("768", "3:0"),
        ("35072", "137:0"),
        ("9", "0:9"),
        ("139", "0:11"),  # a core dump sets bit 7 (wait(2))
        ("0:0", "0:0"),
        ("3:0", "3:0"),
        ("137:0", "137:0"),
        ("0:9", "0:9"),
        ("", ""),
        ("N/A", ""),
        ("1:2:3", ""),
        (":9", ""),
    ],
)
def test_exit_codes_of_squeue_have_the_form_of_sacct(text: str, code: str) -> None:
    assert exit_code(text) == code


@pytest.mark.parametrize(
    ("text", "amount"),
    [("8000Mn", ("8000M", "node")), ("2Gc", ("2G", "core")), ("16000M", ("16000M", "job")), ("", ("", "job"))],
)
def test_requested_memory_is_of_a_node_a_core_or_the_job(text: str, amount: tuple[str, str]) -> None:
    assert requested_memory(text) == amount


@pytest.mark.parametrize(
    ("release", "reason", "status", "code"),
    [
        ("22.05", "NonZeroExitCode", "9", "0:9"),
        ("22.05", "NonZeroExitCode", "35072", "137:0"),
        ("24.11", "RaisedSignal:9(Killed)", "0:9", "0:9"),
        ("26.05", "NonZeroExitCode", "137:0", "137:0"),
    ],
)
def test_squeue_tells_the_exit_code_on_every_release(
    fake: Fake, release: str, reason: str, status: str, code: str
) -> None:
    rows = f"7_0|FAILED|node1|{reason}|tag"
    fake.does("squeue", f'case "$*" in *exit_code*) echo "7_0|{status}|";; *) echo "{rows}";; esac')
    fake.does("sacct", "exit 1")
    (answer,) = query([Job(id="7_0", tag="tag")]).values()
    assert isinstance(answer, JobStatus)
    assert (answer.state, answer.reason, answer.exit_code) == ("FAILED", reason, code)


@pytest.mark.parametrize(
    ("code", "derived", "means"),
    [
        ("2:0", "0:2", "0:2"),  # SIGINT, as srun says it
        ("10:0", "0:10", "0:10"),
        ("2:0", "2:0", "2:0"),  # an exit code
        ("1:0", "0:0", "1:0"),
        ("0:9", "0:9", "0:9"),
        ("1:0", "0:125", "1:0"),
        ("0:0", "0:0", "0:0"),
        ("3:0", "", "3:0"),
    ],
)
def test_a_signal_that_ended_a_step_is_told_from_an_exit_code(code: str, derived: str, means: str) -> None:
    assert signal_of_step(code, derived) == means
