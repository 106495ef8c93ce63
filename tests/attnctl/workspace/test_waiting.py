"""The records of runs that are still to be submitted."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from attnctl.workspace import waiting
from attnctl.workspace.layout import Workspace
from attnctl.workspace.records import RecordError, WaitingRun

RUNS = [f"{number:016x}" for number in range(3)]


def record(run: str, order: int = 0, *, created: float = 5.0, tag: str = "attnctl-a", base: str = "") -> WaitingRun:
    return WaitingRun(
        run=run, after=0, tag=tag, order=order, created=created, host="login", user="ada", base=base, reason="full"
    )


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace(tmp_path)


def test_without_the_folder_nothing_waits(workspace: Workspace) -> None:
    assert waiting.own(workspace) == []
    assert waiting.read(workspace, RUNS[0]) is None
    waiting.remove(workspace, RUNS[0])
    assert not workspace.waiting_folder.exists()


def test_runs_wait_in_the_order_in_which_they_were_asked_for(workspace: Workspace) -> None:
    for number, run in enumerate(RUNS[:2]):
        waiting.write(workspace, record(run, 1 - number))
    waiting.write(workspace, record(RUNS[2], created=4.0))
    assert [item.run for item in waiting.own(workspace)] == [RUNS[2], RUNS[1], RUNS[0]]
    waiting.remove(workspace, RUNS[1])
    assert waiting.run_ids(workspace) == [RUNS[0], RUNS[2]]


def test_cancelled_foreign_and_damaged_records_are_not_ours_to_submit(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    for run in RUNS:
        waiting.write(workspace, record(run))
    waiting.cancel(workspace, record(RUNS[0]), "ada")
    workspace.waiting(RUNS[1]).write_text("{")
    assert [item.run for item in waiting.own(workspace)] == [RUNS[2]]
    with pytest.raises(RecordError):
        waiting.read(workspace, RUNS[1])
    monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 1)
    assert waiting.own(workspace) == []
    waiting.remove(workspace, RUNS[2])
    assert workspace.waiting(RUNS[2]).exists()


@pytest.mark.parametrize(("group", "mode"), [(False, 0o600), (True, 0o640)])
def test_only_its_user_can_change_a_record_and_its_settings(tmp_path: Path, group: bool, mode: int) -> None:
    workspace = Workspace(tmp_path, group=group)
    waiting.write(workspace, record(RUNS[0]))
    waiting.write_settings(workspace, "attnctl-a", b"[slurm]\n")
    for path in (workspace.waiting(RUNS[0]), workspace.waiting_settings("attnctl-a")):
        assert path.stat().st_mode & 0o777 == mode


def test_settings_without_a_run_are_deleted_once_they_are_old(workspace: Workspace) -> None:
    waiting.write(workspace, record(RUNS[0], tag="used"))
    for tag in ("used", "old", "new"):
        waiting.write_settings(workspace, tag, b"")
    for tag in ("used", "old"):
        os.utime(workspace.waiting_settings(tag), (time.time() - 7200,) * 2)
    waiting.remove_unused_settings(workspace)
    assert sorted(path.name for path in workspace.waiting_folder.glob("*.toml")) == ["new.toml", "used.toml"]


def test_one_process_at_a_time_has_the_lock(workspace: Workspace) -> None:
    waiting.write(workspace, record(RUNS[0]))
    with waiting.locked(workspace) as first:
        assert first
        with waiting.locked(workspace, 0.1) as second:
            assert not second
    with waiting.locked(workspace, 0.1) as third:
        assert third


def test_who_cannot_work_leaves_a_mark_for_who_does_and_each_work_has_its_own(workspace: Workspace) -> None:
    waiting.write(workspace, record(RUNS[0]))
    assert not waiting.take_mark(workspace)
    waiting.leave_mark(workspace, "searching")
    assert not waiting.take_mark(workspace)
    with waiting.locked(workspace), waiting.locked(workspace, 0.1, "searching") as alone:
        assert alone
        assert waiting.take_mark(workspace, "searching")
        assert not waiting.take_mark(workspace, "searching")


def test_a_mark_that_cannot_be_left_is_logged(workspace: Workspace, caplog: pytest.LogCaptureFixture) -> None:
    waiting.leave_mark(workspace)
    assert "No such file or directory" in caplog.text
