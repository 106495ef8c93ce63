"""A SLURM that fails, hangs, forgets or answers strangely: what is known of a run changes only by what it says."""

from __future__ import annotations

import shutil
import time
from dataclasses import replace
from pathlib import Path

import pytest

from attnctl.db import open_index
from attnctl.jobs.slurm import commands, job, queries
from attnctl.jobs.slurm.observe import ABSENCE_INTERVAL, RENEWAL_INTERVAL, SILENCE_INTERVAL, observe
from attnctl.jobs.slurm.queries import Absent
from attnctl.lifecycle.state import State
from attnctl.settings.config import Config, find
from attnctl.workspace import submissions
from attnctl.workspace.records import Placed
from tests.db import opened
from tests.db.written import age
from tests.fixtures.fake_slurm import CONFIGURATION, Fake, records, rows, verdicts
from tests.fixtures.small_disk import fill

FAULTS = {
    "exits 1": "echo 'slurm_load_jobs error: Unable to contact slurm controller' >&2; exit 1",
    "hangs": "exec sleep 60",
    "is cut off": "printf '7_0|RUNNING|no'",
    "is killed": "kill -9 $$",
}


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("command", ["squeue", "sacct"])
def test_a_failed_query_changes_no_state(
    command: str, fault: str, fake: Fake, placed: tuple[Config, list[Placed]], monkeypatch: pytest.MonkeyPatch
) -> None:
    config, items = placed
    fake.says("squeue", rows(items, "RUNNING"))
    assert observe(config.workspace, items).unavailable is None
    before = verdicts(config, items)
    fake.says("squeue", "")
    fake.does(command, FAULTS[fault])
    monkeypatch.setattr(commands.run, "__kwdefaults__", {**(commands.run.__kwdefaults__ or {}), "timeout": 1.0})
    words, changed = observe(config.workspace, items)
    assert words is not None
    assert "SLURM does not answer" in words
    assert not changed
    assert verdicts(config, items) == before
    assert {str(verdict.state) for verdict in before} == {"running"}


def test_without_accounting_squeue_decides_and_a_loss_needs_two_absences(
    fake: Fake, placed: tuple[Config, list[Placed]], monkeypatch: pytest.MonkeyPatch
) -> None:
    config, items = placed
    fake.says("scontrol", CONFIGURATION.format(kind="accounting_storage/none"))
    fake.does("sacct", "echo 'Slurm accounting storage is disabled' >&2; exit 1")
    fake.says("squeue", rows(items[:1], "COMPLETED"))
    observe(config.workspace, items)
    assert [str(verdict.state) for verdict in verdicts(config, items)] == ["unknown", "queued"]
    later = time.time() + ABSENCE_INTERVAL + 1
    monkeypatch.setattr(time, "time", lambda: later)
    observe(config.workspace, items)
    assert [str(verdict.state) for verdict in verdicts(config, items)] == ["unknown"] * 2


def test_of_a_job_in_the_state_that_the_index_has_no_file_is_read(
    fake: Fake, placed: tuple[Config, list[Placed]]
) -> None:
    config, items = placed
    fake.says("squeue", rows(items, "RUNNING"))
    observe(config.workspace, items)
    with open_index(config.workspace) as index:
        age(config.workspace)
        index.refresh()
        reports = {item.run: item.observed for item in index.placed()}
    assert None not in reports.values()
    known = [replace(item, observed=reports[item.run]) for item in items]
    with opened.under(config.workspace.runs) as paths:
        assert observe(config.workspace, known).changed == frozenset()
    assert paths == []
    fake.says("squeue", rows(items, "SUSPENDED"))
    assert observe(config.workspace, known).changed == {item.run for item in items}
    assert {str(verdict.state) for verdict in verdicts(config, items)} == {"suspended"}


def test_an_id_that_was_reused_by_another_job_is_ignored(fake: Fake, placed: tuple[Config, list[Placed]]) -> None:
    config, items = placed
    jobs = list(job.of(config.workspace, items).values())
    fake.does(
        "squeue",
        "case \"$*\" in *' -j '*) printf '%s\\n' \"7_0|RUNNING|node1|None|eve|1|somebody's|/w\";; "
        "*) printf '%s\\n' \"7_0|RUNNING|node1|None|somebody's\";; esac",
    )
    fake.says("sacct", "7_1|FAILED|1:0|0:0|node1|somebody's|eve|1|/w\n7_1.0|OUT_OF_MEMORY|0:125||node1|python||1|\n")
    assert queries.query(jobs) == dict.fromkeys(jobs, Absent("sacct"))


@pytest.mark.parametrize("reason", ["PartitionTimeLimit", "PartitionNodeLimit", "launch failed requeued held"])
def test_a_job_that_can_never_start_is_queued_with_its_reason(
    reason: str, fake: Fake, placed: tuple[Config, list[Placed]]
) -> None:
    config, items = placed
    fake.says("squeue", rows(items, "PENDING").replace("|None|", f"|{reason}|").replace("|node1|", "||"))
    observe(config.workspace, items)
    assert {(str(item.state), item.reason) for item in verdicts(config, items)} == {("queued", reason)}


def test_a_job_requeued_under_the_same_id_is_queued(fake: Fake, placed: tuple[Config, list[Placed]]) -> None:
    config, items = placed
    for word in ("RUNNING", "PREEMPTED", "PENDING"):
        fake.says("squeue", rows(items, word))
        observe(config.workspace, items)
    assert {str(item.state) for item in verdicts(config, items)} == {"queued"}


def test_a_prolog_that_failed_is_found_in_the_log(fake: Fake, placed: tuple[Config, list[Placed]]) -> None:
    config, items = placed
    logs = config.workspace.submission_logs(items[0].tag)
    logs.mkdir(parents=True, exist_ok=True)
    (logs / "7_0_0_log.out").write_text("Error running slurm prolog: 7\n")
    fake.says("sacct", records(items, "CANCELLED by 0").replace("|node1|", "|node2|"))
    fake.says("sinfo", "none\n")
    observe(config.workspace, items)
    first, second = verdicts(config, items)
    assert (str(first.state), first.node) == ("launch failed", "node2")
    assert first.reason == "the cluster's prolog failed on node2 with exit code 7"
    assert str(second.state) == "cancelled"


@pytest.mark.parametrize(("code", "state"), [("1:0", "launch failed"), ("2:0", "code error"), ("9:0", "killed")])
def test_a_job_that_leaves_no_log_in_the_workspace_is_the_nodes_fault(
    fake: Fake, placed: tuple[Config, list[Placed]], code: str, state: str
) -> None:
    config, items = placed
    fake.says("sacct", records(items, "FAILED", code))
    observe(config.workspace, items)
    assert {str(item.state) for item in verdicts(config, items)} == {state}


def test_a_rank_that_leaves_no_log_in_the_workspace_is_its_nodes_fault(
    fake: Fake, placed: tuple[Config, list[Placed]]
) -> None:
    config, items = placed
    logs = config.workspace.submission_logs(items[0].tag)
    logs.mkdir(parents=True, exist_ok=True)
    for item in items:
        (logs / f"{item.job_id}_0_log.out").write_text("srun: error: node3: task 1: Exited with exit code 1\n")
    written = config.workspace.run(items[1].run).attempt(items[1].attempt).path / "0" / "log.1.txt"
    written.parent.mkdir(parents=True)
    written.touch()
    start = config.workspace.run(items[0].run).attempt(items[0].attempt).path / "0"
    start.mkdir(parents=True)
    (start / "log.0.txt").touch()  # rank 0 was launched
    fake.says("sacct", records(items, "FAILED", "9:0"))
    observe(config.workspace, items)
    first, second = verdicts(config, items)
    assert (str(first.state), first.node) == ("launch failed", "node3")
    assert first.reason == "node3 could not open the job's log"
    assert str(second.state) == "killed"


def test_a_rank_that_leaves_no_log_in_the_newest_start_of_its_job_is_its_nodes_fault(
    fake: Fake, placed: tuple[Config, list[Placed]]
) -> None:
    config, (item, _) = placed
    logs = config.workspace.submission_logs(item.tag)
    logs.mkdir(parents=True, exist_ok=True)
    exited = "srun: error: node{}: task 1: Exited with exit code 1\n"
    (logs / f"{item.job_id}_0_log.out").write_text(exited.format(2) + exited.format(3))
    attempt = config.workspace.run(item.run).attempt(item.attempt)
    for start, ranks in ((0, (0, 1)), (1, (0,))):
        for rank in ranks:
            log = attempt.incarnation(start).log(rank)
            log.parent.mkdir(parents=True, exist_ok=True)
            log.touch()
    fake.says("sacct", records([item], "FAILED", "137:0"))
    observe(config.workspace, [item])
    (verdict,) = verdicts(config, [item])
    assert (str(verdict.state), verdict.node) == ("launch failed", "node3")


def test_a_prolog_that_failed_is_found_in_the_reason_of_the_node(
    fake: Fake, placed: tuple[Config, list[Placed]]
) -> None:
    config, items = placed
    fake.says("sacct", records(items, "CANCELLED by 0").replace("|node1|", "|node2|"))
    fake.says("sinfo", "none\nProlog error\n")
    observe(config.workspace, items)
    assert {(str(item.state), item.node, item.reason) for item in verdicts(config, items)} == {
        ("launch failed", "node2", "the cluster's prolog failed on node2")
    }
    assert "-n node2 -o %E" in fake.calls("sinfo")[0]


def test_a_job_without_a_log_is_the_nodes_fault(fake: Fake, placed: tuple[Config, list[Placed]]) -> None:
    config, items = placed
    fake.says("sacct", records(items, "FAILED", "0:53"))
    observe(config.workspace, items)
    assert {(str(item.state), item.node) for item in verdicts(config, items)} == {("launch failed", "node1")}


@pytest.mark.parametrize(
    "line",
    [
        "slurmstepd-node1: error: Exceeded job memory limit",
        "slurmstepd: error: Detected 1 oom_kill event in StepId=7.0. Some of the step tasks have been OOM Killed.",
        "slurmstepd: error: Detected 2 oom-kill event(s) in StepId=7.batch.",
    ],
)
@pytest.mark.parametrize(("word", "code", "other"), [("FAILED", "9:0", "killed"), ("COMPLETED", "0:0", "unknown")])
def test_an_out_of_memory_kill_is_found_in_the_log(
    word: str, code: str, other: str, line: str, fake: Fake, placed: tuple[Config, list[Placed]]
) -> None:
    config, items = placed
    logs = config.workspace.submission_logs(items[0].tag)
    logs.mkdir(parents=True, exist_ok=True)
    (logs / "7_0_0_log.out").write_text(f"begins\n{line}\nsrun: error: node1: task 0: Killed\n")
    (logs / "7_1_0_log.out").write_text("the user's own words: memory limit, oom-kill\n")
    fake.says("sacct", records(items, word, code, "0:9" if word == "FAILED" else code))
    observe(config.workspace, items)
    first, second = verdicts(config, items)
    assert (str(first.state), str(second.state)) == ("out of memory", other)
    assert first.reason in line


def trains(config: Config, item: Placed) -> None:
    """As if the run had written another event."""
    path = config.workspace.run(item.run).attempt(item.attempt).incarnation(0).events
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as stream:
        stream.write('{"kind": "progress", "t": 1.0, "step": 1}\n')


def test_a_run_whose_event_log_grows_is_not_lost_until_it_stops(
    fake: Fake, placed: tuple[Config, list[Placed]], monkeypatch: pytest.MonkeyPatch
) -> None:
    config, items = placed
    alive = items[0]
    clock = [time.time()]
    monkeypatch.setattr(time, "time", lambda: clock[0])
    for _ in range(5):
        trains(config, alive)
        assert observe(config.workspace, items).unavailable is None
        clock[0] += SILENCE_INTERVAL + 1
    trains(config, alive)
    assert [str(verdict.state) for verdict in verdicts(config, items)] == ["running", "unknown"]
    assert verdicts(config, items)[0].reason == "SLURM does not show its job, but its event log grows"
    assert len(config.workspace.run(alive.run).attempt(1).observations()) <= 2, "not one record for each query"
    clock[0] += RENEWAL_INTERVAL
    for _ in range(2):
        observe(config.workspace, items)
        assert str(verdicts(config, [alive])[0].state) == "running"
        clock[0] += SILENCE_INTERVAL - 1
    clock[0] += 2
    observe(config.workspace, items)
    assert [str(verdict.state) for verdict in verdicts(config, items)] == ["unknown"] * 2


def test_a_job_that_sacct_calls_running_is_unconfirmed_and_stays_so(
    fake: Fake, placed: tuple[Config, list[Placed]], monkeypatch: pytest.MonkeyPatch
) -> None:
    config, items = placed
    fake.says("sacct", records(items, "RUNNING"))
    clock = [time.time()]
    monkeypatch.setattr(time, "time", lambda: clock[0])
    for _ in range(4):
        observe(config.workspace, items)
        clock[0] += RENEWAL_INTERVAL
    first, second = verdicts(config, items)
    assert {first.state, second.state} == {State.UNCONFIRMED}
    assert first.state.active
    assert first.reason == "squeue does not list job 7_0, but sacct says RUNNING"
    trains(config, items[0])
    assert [str(verdict.state) for verdict in verdicts(config, items)] == ["running", "unconfirmed"]


def test_another_users_jobs_that_slurm_hides_keep_their_state(fake: Fake, placed: tuple[Config, list[Placed]]) -> None:
    config, items = placed
    fake.says("squeue", rows(items, "RUNNING"))
    observe(config.workspace, items)
    submissions.change(config.workspace, items[0].tag, owner="ada")
    fake.says("squeue", "")
    fake.says("scontrol", "ClusterName = test\nPrivateData = jobs\n")
    message, changed = observe(config.workspace, items)
    assert (message, changed) == (queries.Hidden("ada").message, frozenset())
    assert {verdict.state for verdict in verdicts(config, items)} == {State.RUNNING}


def test_on_a_full_disk_the_states_stay_and_the_reason_is_told(
    disk: Path, fake: Fake, placed: tuple[Config, list[Placed]]
) -> None:
    config, items = placed
    shutil.copytree(config.workspace.root, disk / "w")
    config = find(disk / "w", disk / "w", {})
    before = verdicts(config, items)
    fake.says("squeue", rows(items, "RUNNING"))
    filler = fill(disk)
    words, changed = observe(config.workspace, items)
    assert words is not None
    assert words.startswith("changes of states cannot be recorded: ")
    assert words.endswith(": No space left on device")
    assert not changed
    assert verdicts(config, items) == before
    filler.unlink()
    assert observe(config.workspace, items).unavailable is None
    assert {str(verdict.state) for verdict in verdicts(config, items)} == {"running"}
