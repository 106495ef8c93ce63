"""Cancelling jobs: what scancel is called with, and what counts as cancelled."""

from __future__ import annotations

import shutil
import time
from dataclasses import replace
from pathlib import Path

import pytest

from attnctl.files import write_atomic
from attnctl.jobs.slurm import commands
from attnctl.jobs.slurm.cancel import array_expressions, cancel
from attnctl.settings.config import Config, find
from attnctl.workspace import submissions
from attnctl.workspace.records import Cancel, Placed
from tests.fixtures.fake_slurm import Fake, records, rows
from tests.fixtures.small_disk import fill


def test_array_elements_are_combined_into_ranges() -> None:
    assert list(array_expressions(["9_3", "9_1", "9_2", "9_7", "10_0", "9_3"])) == ["9_[1-3,7]", "10_[0]"]
    pieces = list(array_expressions(f"9_{2 * k}" for k in range(1100)))
    assert [piece.count(",") for piece in pieces] == [499, 499, 99]


def cancelled(config: Config, item: Placed) -> Cancel | None:
    return Cancel.read(config.workspace.run(item.run).attempt(item.attempt).cancel)


def test_what_scancel_took_is_recorded_as_cancelled(fake: Fake, placed: tuple[Config, list[Placed]]) -> None:
    config, items = placed
    fake.says("squeue", rows(items, "RUNNING"))
    fake.says("scancel", "")
    outcome = cancel(config.workspace, items)
    assert (outcome.accepted, outcome.refused) == ([item.run for item in items], {})
    assert fake.calls("scancel") == ["7_[0-1]"]
    for item in items:
        record = cancelled(config, item)
        assert record is not None
        assert record.accepted


def test_a_job_is_cancelled_on_its_own_cluster(fake: Fake, placed: tuple[Config, list[Placed]]) -> None:
    config, items = placed
    submissions.change(config.workspace, items[0].tag, cluster="second")
    row = rows(items[:1], "RUNNING").strip()
    fake.does("squeue", f"case \"$*\" in *'-M second '*) echo '{row}';; esac")
    fake.says("scancel", "")
    assert cancel(config.workspace, items[:1]).accepted == [items[0].run]
    assert fake.calls("scancel") == ["-M second 7_[0]"]


DOWN = "echo 'slurm_load_jobs error: Unable to contact slurm controller' >&2; exit 1"
UNREACHABLE = "SLURM does not answer: slurm_load_jobs error: Unable to contact slurm controller"


def test_nothing_counts_as_cancelled_while_the_controller_is_down(
    fake: Fake, placed: tuple[Config, list[Placed]]
) -> None:
    config, items = placed
    write_atomic(
        config.workspace.run(items[1].run).attempt(1).cancel, Cancel(at=1.0, user="ada", host="login").encode()
    )
    fake.does("squeue", DOWN)
    outcome = cancel(config.workspace, items)
    assert outcome.accepted == []
    assert outcome.refused == {item.run: UNREACHABLE for item in items}
    assert cancelled(config, items[0]) is None, "a later preemption is no cancellation"
    assert cancelled(config, items[1]) == Cancel(at=1.0, user="ada", host="login")


def test_a_job_that_squeue_does_not_list_is_not_cancelled(fake: Fake, placed: tuple[Config, list[Placed]]) -> None:
    config, items = placed
    fake.says("sacct", records(items[:1], "RUNNING"))
    fake.says("scancel", "")
    outcome = cancel(config.workspace, items)
    assert outcome.refused == {
        items[0].run: "squeue does not list job 7_0, but sacct says RUNNING",
        items[1].run: "SLURM does not know job 7_1",
    }
    assert fake.calls("scancel") == [], "it exits with 0 for a job that it does not know"
    assert cancelled(config, items[0]) is None


def test_a_refusal_of_scancel_is_named(fake: Fake, placed: tuple[Config, list[Placed]]) -> None:
    config, items = placed
    fake.says("squeue", rows(items, "RUNNING"))
    message = "Kill job error on job id 7_[0-1]: Access/permission denied"
    fake.does("scancel", f"echo 'scancel: error: {message}' >&2; exit 210")
    outcome = cancel(config.workspace, items)
    assert (outcome.accepted, outcome.refused) == ([], {item.run: message for item in items})
    assert cancelled(config, items[0]) is None


def test_an_error_of_scancel_about_a_job_that_has_ended_meanwhile_is_ignored(
    fake: Fake, placed: tuple[Config, list[Placed]]
) -> None:
    config, items = placed
    fake.says("squeue", rows(items, "RUNNING"))
    (fake.folder / "after").write_text(rows(items[:1], "COMPLETING") + rows(items[1:], "RUNNING"))
    fake.does("scancel", f"cp {fake.folder}/after {fake.folder}/squeue.txt; echo 'Invalid job id' >&2; exit 1")
    outcome = cancel(config.workspace, items)
    assert (outcome.accepted, outcome.refused) == ([items[0].run], {items[1].run: "Invalid job id"})


def test_when_scancel_does_not_answer_the_record_stays_because_it_may_have_worked(
    fake: Fake, placed: tuple[Config, list[Placed]], monkeypatch: pytest.MonkeyPatch
) -> None:
    config, items = placed
    fake.says("squeue", rows(items, "RUNNING"))
    fake.does("scancel", "exec sleep 60")
    monkeypatch.setattr(commands.run, "__kwdefaults__", {**(commands.run.__kwdefaults__ or {}), "timeout": 0.5})
    outcome = cancel(config.workspace, items)
    assert set(outcome.refused.values()) == {"scancel did not answer within 0.5 s"}
    record = cancelled(config, items[0])
    assert record is not None
    assert not record.accepted


def test_a_task_that_slurm_forgot_after_it_was_cancelled_is_no_failure(
    fake: Fake, placed: tuple[Config, list[Placed]]
) -> None:
    config, items = placed
    path = config.workspace.run(items[0].run).attempt(1).cancel
    write_atomic(path, Cancel(at=time.time(), user="ada", host="login").encode())
    assert cancel(config.workspace, items[:1]).refused == {}


def test_a_submission_that_slurm_has_not_confirmed_is_not_cancelled(
    fake: Fake, placed: tuple[Config, list[Placed]]
) -> None:
    config, items = placed
    submissions.change(config.workspace, items[0].tag, job_id=None)
    outcome = cancel(config.workspace, [replace(items[0], job_id=None)])
    assert outcome.refused == {items[0].run: "SLURM has not confirmed its job yet; try again in a minute"}
    assert cancelled(config, items[0]) is None


def test_on_a_full_disk_jobs_are_cancelled_without_a_record_but_what_runs_elsewhere_is_not(
    disk: Path, fake: Fake, placed: tuple[Config, list[Placed]]
) -> None:
    config, items = placed
    shutil.copytree(config.workspace.root, disk / "w")
    config = find(disk / "w", disk / "w", {})
    fake.says("squeue", rows(items, "RUNNING"))
    fake.says("scancel", "")
    filler = fill(disk)
    outcome = cancel(config.workspace, items)
    assert (sorted(outcome.accepted), outcome.refused) == (sorted(item.run for item in items), {})
    assert [cancelled(config, item) for item in items] == [None] * len(items)
    elsewhere = replace(items[0], where="local", job_id="otherhost:77")
    outcome = cancel(config.workspace, [elsewhere])
    assert (outcome.accepted, list(outcome.refused)) == ([], [elsewhere.run])
    assert outcome.refused[elsewhere.run].startswith("the disk is full: ")
    filler.unlink()
