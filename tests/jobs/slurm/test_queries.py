"""The parts of the SLURM questions that need no cluster; tests/slurm asks a real one."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from attnctl.jobs.slurm import queries
from attnctl.jobs.slurm.commands import SlurmUnavailable
from attnctl.jobs.slurm.queries import JobStatus, Unavailable, read_sacct, read_squeue
from tests.fixtures.fake_slurm import Fake

# sacct -n -P -D -o JobID,State,ExitCode,DerivedExitCode,NodeList,JobName of SLURM 22.05, shortened.
RECORDS = """\
7_0|COMPLETED|0:0|0:0|node1|tag
7_0.batch|COMPLETED|0:0||node1|batch
7_1|REQUEUED|0:0|0:0|node1|tag
7_1.0|CANCELLED|0:15||node1|python
7_1|CANCELLED by 1000|0:0|0:0|node2|tag
7_2|FAILED|1:0|0:125|node3|tag
7_3|FAILED|1:0|1:0|node3|tag
7_3.batch|FAILED|1:0||node3|batch
7_3.0|OUT_OF_MEMORY|0:125||node3|python
7_4|FAILED|2:0|0:0|node3|a name | of another
7_4.0|OUT_OF_MEMORY|0:125||node3|python
7_[5-9]|PENDING|0:0|0:0|None assigned|tag
8|NODE_FAIL|1:0|0:0|node4|other
"""


def test_sacct_output_is_parsed_by_job_and_tag_with_steps() -> None:
    found = read_sacct(RECORDS, {f"7_{k}": "tag" for k in range(10)} | {"8": "tag"})
    assert {job: (row.state, row.nodes) for job, row in found.items()} == {
        "7_0": ("COMPLETED", "node1"),
        "7_1": ("CANCELLED", "node2"),
        "7_2": ("OUT_OF_MEMORY", "node3"),
        "7_3": ("OUT_OF_MEMORY", "node3"),
    }
    assert found["7_3"].exit_code == "1:0"


def test_placeholders_of_slurm_become_empty_strings() -> None:
    told = read_squeue("7_0|RUNNING|node1|None|tag\n7_1|PENDING|(null)|Priority|tag\n", {"7_0": "tag", "7_1": "tag"})
    assert {job: (row.reason, row.nodes) for job, row in told.items()} == {
        "7_0": ("", "node1"),
        "7_1": ("Priority", ""),
    }
    assert read_sacct("7_5|PENDING|0:0|0:0|None assigned|tag\n", {"7_5": "tag"})["7_5"].nodes == ""


@pytest.mark.parametrize(
    ("word", "active"), [("PENDING", True), ("COMPLETING", True), ("A_NEWER_STATE", True), ("BOOT_FAIL", False)]
)
def test_an_unknown_state_counts_as_active(word: str, active: bool) -> None:
    assert JobStatus(state=word).active is active


def test_ids_are_split_into_arguments_of_allowed_length() -> None:
    few = [f"12_{k}" for k in range(200)]
    assert list(queries._id_arguments([*few, "13_0"])) == [",".join([*few, "13_0"])]
    assert list(queries._id_arguments(f"12_{k}" for k in range(201))) == ["12"]
    many = [f"{array}_{k}" for array in range(1000, 1100) for k in range(200)]
    chunks = list(queries._id_arguments(many))
    assert max(map(len, chunks)) <= 100_000
    assert ",".join(chunks).split(",") == many


def test_without_slurms_commands_everything_is_unavailable(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert not queries.available()
    assert queries.query({"1_0": "tag"}, 0.0) == {"1_0": Unavailable("squeue is not installed on this machine")}
    with pytest.raises(SlurmUnavailable):
        queries.ping()


def test_many_jobs_need_one_query_per_command_from_days_ago(fake: Fake) -> None:
    jobs = {f"{array}_{task}": f"tag{array}" for array in (7, 8, 9) for task in range(900)}
    since = time.time() - 9 * 86400
    ended = "".join(f"{job}|TIMEOUT|0:0|0:0|node1|{tag}\n" for job, tag in jobs.items())
    fake.says("sacct", ended)
    found = queries.query(jobs, since)
    assert {answer.state for answer in found.values() if isinstance(answer, JobStatus)} == {"TIMEOUT"}
    assert len(found) == 2700
    (asked,) = fake.calls("sacct")
    assert len(fake.calls("squeue")) == 1
    assert time.strftime("-S %Y-%m-%d", time.localtime(since - 86400)) in asked
    assert asked.endswith("-j 7,8,9")
