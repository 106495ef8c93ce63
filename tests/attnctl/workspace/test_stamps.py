"""Whether the files of a run are as they were when they were read."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from attnctl.workspace import stamps
from attnctl.workspace.layout import RunDir, Workspace
from tests.db import written


def _failed(folder: Path) -> tuple[Workspace, RunDir]:
    """A run that failed long ago."""
    workspace, (spec,) = Workspace(folder), written.specs()
    written.submit(workspace, [spec])
    written.append(workspace, spec.id, [written.model_event()])
    written.observe(workspace, spec.id, "FAILED")
    written.leave(workspace, spec.id, "error")
    written.age(workspace)
    return workspace, workspace.run(spec.id)


def _write_on(path: Path) -> None:
    with path.open("ab") as stream:
        stream.write(b" ")


CHANGES: dict[str, Callable[[Workspace, RunDir], object]] = {
    "a new attempt": lambda workspace, run: run.attempt(2).path.mkdir(),
    "a new start": lambda workspace, run: run.attempt(1).incarnation(1).path.mkdir(),
    "a report of the scheduler": lambda workspace, run: written.observe(workspace, run.id, "RUNNING", at=2.0),
    "a request to cancel": lambda workspace, run: written.cancel(workspace, run.id),
    "a record of another rank": lambda workspace, run: written.leave(workspace, run.id, "error", rank=1),
    "a log that grows": lambda workspace, run: written.append(workspace, run.id, [written.progress_event(3)]),
    "a log that is gone": lambda workspace, run: run.attempt(1).incarnation(0).events.unlink(),
    "a record that is written on": lambda workspace, run: _write_on(run.attempt(1).incarnation(0).exit(0)),
    "a record that is exchanged": lambda workspace, run: written.leave(workspace, run.id, "completed"),
    "a missing folder": lambda workspace, run: run.attempts_folder.rename(run.path / "aside"),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_a_stamp_shows_each_change_of_what_a_state_depends_on(
    change: Callable[[Workspace, RunDir], object], tmp_path: Path
) -> None:
    workspace, run = _failed(tmp_path)
    stamp = stamps.of(run)
    assert stamps.is_settled(stamp, time.time())
    assert stamps.unchanged(str(run.path), stamp)
    change(workspace, run)
    assert not stamps.unchanged(str(run.path), stamp)
    assert stamps.of(run) != stamp


def test_a_look_lists_the_folders_of_a_run_as_they_are(tmp_path: Path) -> None:
    _, run = _failed(tmp_path)
    look = stamps.look(run)
    assert look.stamp == stamps.of(run)
    assert set(look.names) == {"attempts", "attempts/1", "attempts/1/0"}
    for folder, names in look.names.items():
        assert sorted(names) == sorted(path.name for path in (run.path / folder).iterdir())


def test_what_comes_into_a_folder_after_it_was_listed_makes_another_stamp(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    workspace, run = _failed(tmp_path)
    names, listed = stamps._names, []

    def list_and_add(folder: str) -> list[str]:
        found = names(folder)
        if folder.endswith("/attempts/1/0"):
            listed.append(found)
            written.leave(workspace, run.id, "completed", rank=1)
        return found

    monkeypatch.setattr(stamps, "_names", list_and_add)
    look = stamps.look(run)
    assert look.names["attempts/1/0"] == listed[0]
    assert "exit.1.json" not in listed[0]
    assert not stamps.unchanged(str(run.path), look.stamp)


def test_a_first_report_of_the_scheduler_is_noticed(tmp_path: Path) -> None:
    workspace, (spec,) = Workspace(tmp_path), written.specs()
    written.submit(workspace, [spec])
    written.finish(workspace, spec.id)
    written.age(workspace)
    run = workspace.run(spec.id)
    stamp = stamps.of(run)
    assert stamps.unchanged(str(run.path), stamp)
    written.observe(workspace, spec.id, "COMPLETED")
    assert not stamps.unchanged(str(run.path), stamp)


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_the_stamp_of_a_run_that_trains_shows_each_change_but_that_its_newest_log_grows(
    change: Callable[[Workspace, RunDir], object], tmp_path: Path
) -> None:
    workspace, run = _failed(tmp_path)
    written.append(workspace, run.id, [written.progress_event(2)])
    assert not stamps.is_settled(stamps.of(run), time.time())
    stamp = stamps.growing(stamps.of(run), time.time())
    assert stamps.only_grown(str(run.path), stamp)
    assert not stamps.unchanged(str(run.path), stamp), "whether it has grown is not known"
    change(workspace, run)
    only_log = change is CHANGES["a log that grows"]
    assert stamps.only_grown(str(run.path), stamp) is only_log


def test_only_the_newest_log_may_grow(tmp_path: Path) -> None:
    workspace, run = _failed(tmp_path)
    for number, restart in ((1, 9), (1, 10), (2, 0)):
        written.append(workspace, run.id, [written.model_event()], number=number, restart=restart)
    written.age(workspace)
    stamp = stamps.growing(stamps.of(run), time.time())
    written.append(workspace, run.id, [written.progress_event(3)], number=2)
    assert stamps.only_grown(str(run.path), stamp)
    written.append(workspace, run.id, [written.progress_event(3)], restart=10)
    assert not stamps.only_grown(str(run.path), stamp)


def test_a_run_of_which_more_than_the_log_has_just_changed_has_no_stamp(tmp_path: Path) -> None:
    workspace, run = _failed(tmp_path)
    written.leave(workspace, run.id, "error")
    assert stamps.growing(stamps.of(run), time.time()) == ""
    assert stamps.growing(stamps.of(run), time.time() + stamps.SETTLED + 1)
    assert stamps.growing("", time.time()) == ""
    assert not stamps.only_grown(str(run.path), "")
    assert not stamps.only_grown(str(run.path), stamps.of(run))


def test_a_run_that_has_just_changed_is_not_settled(tmp_path: Path) -> None:
    workspace, run = _failed(tmp_path)
    written.append(workspace, run.id, [written.progress_event(3)])
    now = run.attempt(1).incarnation(0).events.stat().st_mtime
    assert not stamps.is_settled(stamps.of(run), now + 1)
    assert stamps.is_settled(stamps.of(run), now + stamps.SETTLED + 1)


def test_a_run_without_attempts_has_no_stamp(tmp_path: Path) -> None:
    run = Workspace(tmp_path).run("0" * 16)
    assert stamps.of(run) == ""
    assert not stamps.unchanged(str(run.path), "")
    assert not stamps.is_settled("", time.time())
