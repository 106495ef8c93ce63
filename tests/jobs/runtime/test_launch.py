"""Rank 0 finds in the job's log that srun could not launch another rank."""

from __future__ import annotations

from pathlib import Path

import pytest

from attnctl.jobs.runtime.launch import LOG_START, LaunchError, failure, watch
from attnctl.jobs.training.failure import classify
from tests.fixtures.fake_slurm import Fake

JOB = {"SLURM_JOB_NODELIST": "node[3-5]", "SLURM_NTASKS_PER_NODE": "2"}
NO_LOG = "srun: error: task 2 launch failed: Slurmd could not connect IO\n"


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (NO_LOG, "node4 could not open the job's log"),
        ("srun: error: Tasks 4-5 launch failed: Invalid job credential\n", "node5 could not launch rank 4: Invalid job "
         "credential"),
        ("srun: error: node4: task 2: Killed\n", None),
        ("the user's own words: task 2 launch failed: no\n", None),
    ],
)  # fmt: skip
def test_the_node_of_the_rank_is_named(line: str, message: str | None, fake: Fake) -> None:
    fake.says("scontrol", "node3\nnode4\nnode5\n")
    assert failure(f"begins\n{line}ends\n", JOB) == message


def test_without_scontrol_the_node_stays_unknown(fake: Fake) -> None:
    fake.does("scontrol", "exit 1")
    assert failure(NO_LOG, JOB) == "one of its nodes could not open the job's log"


def test_the_log_is_read_once_a_second_and_the_failure_is_the_nodes(tmp_path: Path, fake: Fake) -> None:
    fake.says("scontrol", "node3\nnode4\nnode5\n")
    moment, log = [100.0], tmp_path / "7_0_0_log.out"
    look = watch(log, JOB, lambda: moment[0])
    look()  # there is no log yet
    log.write_text(NO_LOG)
    look()
    moment[0] += 1
    with pytest.raises(LaunchError, match="node4 could not open") as caught:
        look()
    found = classify(caught.value)
    assert (found.outcome, found.message) == ("launch failed", "node4 could not open the job's log")
    assert not found.secondary


def test_a_message_of_an_earlier_start_of_the_job_is_ignored(tmp_path: Path, fake: Fake) -> None:
    fake.says("scontrol", "node3\nnode4\nnode5\n")
    moment, log = [100.0], tmp_path / "7_0_0_log.out"
    log.write_text(NO_LOG)
    look = watch(log, {**JOB, LOG_START: str(len(NO_LOG))}, lambda: moment[0])
    look()
    with log.open("a") as stream:
        stream.write(NO_LOG.replace("task 2", "task 4"))
    moment[0] += 1
    with pytest.raises(LaunchError, match="node5 could not open"):
        look()
