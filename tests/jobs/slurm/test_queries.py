"""The parts of the SLURM questions that need no cluster; tests/slurm asks a real one."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

import pytest

from attnctl.jobs.slurm import queries
from attnctl.jobs.slurm.job import Job, login_name
from attnctl.jobs.slurm.queries import Absent, Hidden, JobStatus, Unavailable, Unseen, read_sacct, read_squeue
from tests.fixtures.fake_slurm import Fake

# sacct -n -P -D -o JobID,State,ExitCode,DerivedExitCode,NodeList,JobName,User,Submit,WorkDir of SLURM 22.05, shortened.
RECORDS = """\
7_0|COMPLETED|0:0|0:0|node1|tag|ada|100|/w
7_0.batch|COMPLETED|0:0||node1|batch||100|
7_1|REQUEUED|0:0|0:0|node1|tag|ada|100|/w
7_1.0|CANCELLED|0:15||node1|python||100|
7_1|CANCELLED by 1000|0:0|0:0|node2|tag|ada|160|/w
7_2|FAILED|1:0|0:125|node3|tag|ada|100|/w
7_3|FAILED|1:0|1:0|node3|tag|ada|100|/w
7_3.batch|FAILED|1:0||node3|batch||100|
7_3.0|OUT_OF_MEMORY|0:125||node3|python||100|
7_4|FAILED|2:0|0:0|node3|a name | of another|eve|100|/w
7_4.0|OUT_OF_MEMORY|0:125||node3|python||100|
7_[5-9]|PENDING|0:0|0:0|None assigned|tag|ada|100|/w
8|NODE_FAIL|1:0|0:0|node4|other|eve|100|/w
"""
ADA = Job(id="", tag="tag", owner="ada", folder="/w", created=90.0)


def test_sacct_output_is_parsed_by_job_and_tag_with_steps() -> None:
    jobs = [replace(ADA, id=number) for number in [*(f"7_{k}" for k in range(10)), "8"]]
    found = {job.id: row for job, row in read_sacct(RECORDS, jobs).items()}
    assert {job: (row.state, row.nodes) for job, row in found.items()} == {
        "7_0": ("COMPLETED", "node1"),
        "7_1": ("CANCELLED", "node2"),
        "7_2": ("OUT_OF_MEMORY", "node3"),
        "7_3": ("OUT_OF_MEMORY", "node3"),
    }
    assert found["7_3"].exit_code == "1:0"


def test_a_row_of_sacct_that_ends_with_the_name_is_recognised_by_it() -> None:
    job = replace(ADA, id="7_0")
    assert read_sacct("7_0|FAILED|0:53|0:0|node1|tag\n", [job])[job].exit_code == "0:53"
    assert read_sacct("7_0|FAILED|0:53|0:0|node1|other\n", [job]) == {}


def test_placeholders_of_slurm_become_empty_strings() -> None:
    jobs = [Job(id=f"7_{k}", tag="tag") for k in (0, 1, 5)]
    told = read_squeue("7_0|RUNNING|node1|None|tag\n7_1|PENDING|(null)|Priority|tag\n", jobs)
    assert {job.id: (row.reason, row.nodes) for job, row in told.items()} == {
        "7_0": ("", "node1"),
        "7_1": ("Priority", ""),
    }
    (row,) = read_sacct("7_5|PENDING|0:0|0:0|None assigned|tag|ada|100|/w\n", jobs).values()
    assert row.nodes == ""


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


def test_without_slurms_commands_nothing_is_known_of_a_job(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    job = Job(id="1_0", tag="tag")
    assert queries.query([job]) == {job: Unavailable("squeue is not installed on this machine")}


def test_many_jobs_need_one_query_per_command_from_days_ago(fake: Fake) -> None:
    since = time.time() - 9 * 86400
    jobs = [Job(id=f"{array}_{task}", tag=f"tag{array}", created=since) for array in (7, 8, 9) for task in range(900)]
    fake.says("sacct", "".join(f"{job.id}|TIMEOUT|0:0|0:0|node1|{job.tag}|ada|100|/w\n" for job in jobs))
    found = queries.query(jobs)
    assert {answer.state for answer in found.values() if isinstance(answer, JobStatus)} == {"TIMEOUT"}
    assert len(found) == 2700
    (asked,) = fake.calls("sacct")
    assert len(fake.calls("squeue")) == 1
    assert time.strftime("-S %Y-%m-%d", time.localtime(since - 86400)) in asked
    assert asked.endswith("-j 7,8,9")


NOW = time.time()
MINE = Job(id="7_0", tag="attnctl-20260101-000000-0123abcd", owner=login_name(), folder="/w", created=NOW)
HERS = replace(MINE, owner="ada")
BY_ID = 'case "$*" in *" -j "*) {by_id};; *) {by_name};; esac'


def row(name: str = "train", user: str = "", state: str = "RUNNING", at: float = NOW, folder: str = "/w") -> str:
    return f"7_0|{state}|node1|None|{user or login_name()}|{at:.0f}|{name}|{folder}"


@pytest.mark.parametrize(
    ("job", "listed", "known"),
    [
        (MINE, row(), True),
        (MINE, row(name=MINE.tag, user="ada", at=0, folder="/elsewhere"), True),
        (HERS, row(name=HERS.tag, user="ada"), True),
        (HERS, row(user="ada"), True),
        (MINE, row(user="ada"), False),
        (MINE, row(at=NOW - 3600), False),
        (MINE, row(at=NOW + 3600), False),
        (replace(MINE, claim=lambda: Path("/")), row(at=NOW + 3600), True),
        (MINE, row(folder="/elsewhere"), False),
        (MINE, row(name=MINE.tag.replace("0123", "4567")), False),
    ],
    ids=[
        "renamed",
        "named by us",
        "a colleague's",
        "a colleague's that was renamed",
        "another user's",
        "submitted before ours",
        "submitted after ours",
        "requeued since",
        "from another folder",
        "a later submission of ours",
    ],
)
def test_a_job_that_squeue_does_not_list_by_name_is_recognised_by_id(
    fake: Fake, job: Job, listed: str, known: bool
) -> None:
    fake.does("squeue", BY_ID.format(by_id=f"echo '{listed}'", by_name="true"))
    (answer,) = queries.query([job]).values()
    assert (answer == Absent("sacct")) is not known
    assert isinstance(answer, JobStatus) is known
    assert all("-a" in call.split() for call in fake.calls("squeue")), "hidden partitions too"


def test_a_renamed_job_is_known_to_sacct_when_it_has_ended(fake: Fake) -> None:
    fake.says("sacct", f"7_0|TIMEOUT|0:0|0:0|node1|train|{login_name()}|{NOW:.0f}|/w\n")
    (answer,) = queries.query([MINE]).values()
    assert isinstance(answer, JobStatus)
    assert answer.state == "TIMEOUT"


def test_two_jobs_that_were_given_the_same_id_are_told_apart(fake: Fake) -> None:
    later = replace(MINE, tag="attnctl-20260101-000001-89abcdef", created=NOW + 60)
    fake.does("squeue", f"echo '7_0|RUNNING|node1|None|{later.tag}'")
    answers = queries.query([MINE, later])
    assert answers[MINE] == Absent("sacct")
    assert isinstance(answers[later], JobStatus)


def test_an_active_record_of_sacct_contradicts_the_absence_in_squeue(fake: Fake) -> None:
    fake.says("sacct", f"7_0|RUNNING|0:0|0:0|node1|{MINE.tag}|{login_name()}|{NOW:.0f}|/w\n")
    assert queries.query([MINE]) == {MINE: Unseen("squeue does not list job 7_0, but sacct says RUNNING", "sacct")}


@pytest.mark.parametrize(
    ("job", "lost"),
    [(MINE, True), (replace(MINE, claim=lambda: Path("/")), False), (replace(HERS, tag=MINE.tag), False)],
)
def test_a_waiting_job_that_only_sacct_knows_was_forgotten_by_the_controller(fake: Fake, job: Job, lost: bool) -> None:
    fake.says("sacct", f"7_0|PENDING|0:0|0:0|None assigned|{MINE.tag}|{job.owner}|{NOW:.0f}|/w\n")
    (answer,) = queries.query([job]).values()
    assert (answer == Absent("sacct")) is lost
    assert isinstance(answer, Unseen) is not lost


def test_a_job_of_another_name_that_cannot_be_compared_is_not_lost(fake: Fake) -> None:
    fake.says("squeue", "7_0|RUNNING|node1|None|mine\n")
    assert queries.query([MINE]) == {MINE: Unseen("squeue lists job 7_0 under the name 'mine'", "squeue")}


def test_an_id_that_the_controller_does_not_know_is_no_failure(fake: Fake) -> None:
    unknown = "echo 'slurm_load_jobs error: Invalid job id specified' >&2; exit 1"
    fake.does("squeue", BY_ID.format(by_id=unknown, by_name="true"))
    assert queries.query([MINE]) == {MINE: Absent("sacct")}


def test_on_a_cluster_that_hides_other_users_jobs_nothing_is_known_about_them(fake: Fake) -> None:
    fake.says("scontrol", "ClusterName = test\nPrivateData = accounts,jobs\n")
    assert queries.query([MINE, HERS]) == {MINE: Absent("sacct"), HERS: Hidden("ada")}
    assert Hidden("ada").message == "this cluster shows the jobs of ada only to ada (PrivateData)"


def test_a_job_is_asked_for_on_its_own_cluster(fake: Fake) -> None:
    there = replace(MINE, cluster="second")
    here = replace(MINE, id="8_0", cluster="test")
    lines = f"echo 'CLUSTER: second'; echo '7_0|RUNNING|node1|None|{MINE.tag}'"
    fake.does("squeue", f'case "$*" in "-M second "*) {lines};; *"-M"*) exit 1;; esac')
    answers = queries.query([there, here])
    assert answers[here] == Absent("sacct")
    status = answers[there]
    assert isinstance(status, JobStatus)
    assert (status.state, status.cluster) == ("RUNNING", "second")


def test_a_cluster_that_cannot_be_reached_leaves_its_jobs_unknown(fake: Fake) -> None:
    message = "No cluster 'second' known by database."
    fake.does("squeue", f'case "$*" in *"-M"*) echo "squeue: error: {message}" >&2; exit 1;; esac')
    there, here = replace(MINE, cluster="second"), replace(MINE, id="8_0", cluster="test")
    assert queries.query([there, here]) == {there: Unavailable(message), here: Absent("sacct")}
