"""A SLURM that fails, hangs, forgets or answers strangely: what is known of a run changes only by what it says."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from attnctl.jobs.slurm import commands, queries
from attnctl.jobs.slurm.observe import ABSENT_APART, observe
from attnctl.jobs.slurm.queries import Absent, Known
from attnctl.jobs.slurm.release import release
from attnctl.jobs.submission.submit import submit
from attnctl.lifecycle import evidence
from attnctl.lifecycle.state import Verdict
from attnctl.settings.config import Config
from attnctl.spec import RunSpec
from attnctl.workspace import submissions
from attnctl.workspace.layout import Workspace
from attnctl.workspace.records import Placed, Request, Resources

Specs = Callable[[int], list[RunSpec]]
CONFIGURATION = "ClusterName = test\nSLURM_VERSION = 22.05\nMaxArraySize = 1001\nAccountingStorageType = {kind}\n"


class Fake:
    """SLURM's commands as scripts on the PATH, which write down how they were called."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir()
        self.says("scontrol", CONFIGURATION.format(kind="accounting_storage/slurmdbd"))
        self.says("squeue", "")
        self.says("sacct", "")

    def says(self, name: str, text: str) -> None:
        answer = self.folder / f"{name}.txt"
        answer.write_text(text)
        self.does(name, f"cat '{answer}'")

    def does(self, name: str, script: str) -> None:
        path = self.folder / name
        path.write_text(f"#!/bin/bash\necho \"$*\" >> '{self.folder}/{name}.calls'\n{script}\n")
        path.chmod(0o755)

    def calls(self, name: str) -> list[str]:
        path = self.folder / f"{name}.calls"
        return path.read_text().splitlines() if path.exists() else []


@pytest.fixture
def fake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Fake:
    found = Fake(tmp_path / "bin")
    monkeypatch.setenv("PATH", f"{found.folder}:/usr/bin:/bin")
    return found


@pytest.fixture
def placed(tmp_path: Path, make_specs: Specs) -> tuple[Config, list[Placed]]:
    """Two runs of a submission that says it is SLURM's job 7."""
    config = Config(workspace=Workspace(tmp_path / "here"))
    specs = make_specs(2)
    (done,) = submit(config, specs, Resources(), config.slurm, "local")
    submissions.change(config.workspace, done.tag, job_id="7")
    now = time.time()
    return config, [
        Placed(run=run, attempt=number, tag=done.tag, where="slurm", job_id=f"7_{task}", created=now)
        for task, (run, number) in enumerate(done.tasks)
    ]


def verdicts(config: Config, items: list[Placed]) -> list[Verdict]:
    found = []
    for item in items:
        attempt = config.workspace.run(item.run).attempt(item.attempt)
        request = Request.read(attempt.request)
        assert request is not None
        head = submissions.head(config.workspace.submission(item.tag))
        found.append(evidence.verdict(attempt, request, lambda _, head=head: head))
    return found


def rows(items: list[Placed], word: str) -> str:
    return "".join(f"{item.job_id}|{word}|node1|None|{item.tag}\n" for item in items)


FAULTS = {
    "exits 1": "echo 'slurm_load_jobs error: Unable to contact slurm controller' >&2; exit 1",
    "hangs": "exec sleep 60",
    "is cut off": "printf '7_0|RUNNING|no'",
    "is killed": "kill -9 $$",
}


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("command", ["squeue", "sacct"])
def test_a_question_that_failed_changes_no_state(
    command: str, fault: str, fake: Fake, placed: tuple[Config, list[Placed]], monkeypatch: pytest.MonkeyPatch
) -> None:
    config, items = placed
    fake.says("squeue", rows(items, "RUNNING"))
    assert observe(config.workspace, items).words is None
    before = verdicts(config, items)
    fake.says("squeue", "")
    fake.does(command, FAULTS[fault])
    monkeypatch.setattr(commands.run, "__kwdefaults__", commands.run.__kwdefaults__ | {"timeout": 1.0})
    words, changed = observe(config.workspace, items)
    assert words is not None
    assert "SLURM does not answer" in words
    assert not changed
    assert verdicts(config, items) == before
    assert {str(verdict.state) for verdict in before} == {"running"}


def test_without_accounting_squeue_alone_decides_and_forgetting_is_proved_twice(
    fake: Fake, placed: tuple[Config, list[Placed]], monkeypatch: pytest.MonkeyPatch
) -> None:
    config, items = placed
    fake.says("scontrol", CONFIGURATION.format(kind="accounting_storage/none"))
    fake.does("sacct", "echo 'Slurm accounting storage is disabled' >&2; exit 1")
    fake.says("squeue", rows(items[:1], "COMPLETED"))
    observe(config.workspace, items)
    assert [str(verdict.state) for verdict in verdicts(config, items)] == ["unknown", "queued"]
    later = time.time() + ABSENT_APART + 1
    monkeypatch.setattr(time, "time", lambda: later)
    observe(config.workspace, items)
    assert [str(verdict.state) for verdict in verdicts(config, items)] == ["unknown"] * 2


def test_an_id_that_belongs_to_another_job_now_tells_nothing(fake: Fake, placed: tuple[Config, list[Placed]]) -> None:
    _, items = placed
    jobs = {item.job_id or "": item.tag for item in items}
    fake.says("squeue", "7_0|RUNNING|node1|None|somebody's\n")
    fake.says("sacct", "7_1|FAILED|1:0|0:0|node1|somebody's\n7_1.0|OUT_OF_MEMORY|0:125||node1|python\n")
    assert queries.query(jobs, time.time()) == {"7_0": Absent("sacct"), "7_1": Absent("sacct")}


def test_many_jobs_are_one_question_each_and_days_ago_is_looked_up(fake: Fake) -> None:
    jobs = {f"{array}_{task}": f"tag{array}" for array in (7, 8, 9) for task in range(900)}
    since = time.time() - 9 * 86400
    ended = "".join(f"{job}|TIMEOUT|0:0|0:0|node1|{tag}\n" for job, tag in jobs.items())
    fake.says("sacct", ended)
    found = queries.query(jobs, since)
    assert {answer.word for answer in found.values() if isinstance(answer, Known)} == {"TIMEOUT"}
    assert len(found) == 2700
    (asked,) = fake.calls("sacct")
    assert len(fake.calls("squeue")) == 1
    assert time.strftime("-S %Y-%m-%d", time.localtime(since - 86400)) in asked
    assert asked.endswith("-j 7,8,9")


@pytest.mark.parametrize("reason", ["PartitionTimeLimit", "PartitionNodeLimit", "launch failed requeued held"])
def test_a_job_that_can_never_start_is_queued_with_the_reason(
    reason: str, fake: Fake, placed: tuple[Config, list[Placed]]
) -> None:
    config, items = placed
    fake.says("squeue", rows(items, "PENDING").replace("|None|", f"|{reason}|").replace("|node1|", "||"))
    observe(config.workspace, items)
    assert {(str(item.state), item.reason) for item in verdicts(config, items)} == {("queued", reason)}


def test_jobs_held_for_a_failed_launch_are_released_and_no_others(
    fake: Fake, placed: tuple[Config, list[Placed]]
) -> None:
    config, items = placed
    first, second = rows(items, "PENDING").splitlines(keepends=True)
    held = first.replace("|None|", "|launch failed requeued held|")
    fake.says("squeue", held + second.replace("|None|", "|JobHeldUser|"))
    fake.says("scontrol", "")
    assert release(config.workspace, items) is None
    assert fake.calls("scontrol") == ["release 7_[0]"]
    fake.does("scontrol", "echo 'Access/permission denied' >&2; exit 1")
    assert release(config.workspace, items) == "not all held jobs are released: Access/permission denied"


def test_requeued_under_the_same_id_it_waits(fake: Fake, placed: tuple[Config, list[Placed]]) -> None:
    config, items = placed
    for word in ("RUNNING", "PREEMPTED", "PENDING"):
        fake.says("squeue", rows(items, word))
        observe(config.workspace, items)
    assert {str(item.state) for item in verdicts(config, items)} == {"queued"}


@pytest.mark.parametrize(
    "line",
    [
        "slurmstepd-node1: error: Exceeded job memory limit",
        "slurmstepd: error: Detected 1 oom_kill event in StepId=7.0. Some of the step tasks have been OOM Killed.",
        "slurmstepd: error: Detected 2 oom-kill event(s) in StepId=7.batch.",
    ],
)
def test_an_end_for_its_memory_that_only_the_log_tells(
    line: str, fake: Fake, placed: tuple[Config, list[Placed]]
) -> None:
    config, items = placed
    logs = config.workspace.submission_logs(items[0].tag)
    logs.mkdir(parents=True, exist_ok=True)
    (logs / "7_0_0_log.out").write_text(f"begins\n{line}\nsrun: error: node1: task 0: Killed\n")
    (logs / "7_1_0_log.out").write_text("the user's own words: memory limit, oom-kill\n")
    fake.says("sacct", "".join(f"{item.job_id}|FAILED|9:0|0:9|node1|{item.tag}\n" for item in items))
    observe(config.workspace, items)
    first, second = verdicts(config, items)
    assert (str(first.state), str(second.state)) == ("out of memory", "killed")
    assert first.reason in line
