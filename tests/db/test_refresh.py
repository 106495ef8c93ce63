"""Finding what is new in a workspace."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from attnctl.db import open_index, rebuild
from attnctl.db.refresh import is_empty
from attnctl.files import write_atomic
from attnctl.lifecycle.state import ABSENT
from attnctl.workspace.layout import Workspace
from attnctl.workspace.records import Observed, Sweep, WaitingRun
from attnctl.workspace.waiting import write
from tests.db import opened, written

FIRST, SECOND = written.specs(("none", "ela"), ("0",))


@pytest.mark.parametrize("folder", ["runs", "submissions", "sweeps"])
def test_a_workspace_is_empty_until_it_is_refreshed(folder: str, tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    (tmp_path / "attnctl.toml").write_text("")
    assert is_empty(workspace)
    (tmp_path / folder).mkdir()
    assert not is_empty(workspace)


def test_a_second_refresh_finds_only_new_data(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    written.submit(workspace, [FIRST], sweep="first")
    with open_index(workspace) as index:
        index.refresh()
        assert [row.id for row in index.runs()] == [FIRST.id]
        written.submit(workspace, [SECOND], tag="tag2", sweep="second")
        index.refresh()
        assert {row.id for row in index.runs()} == {FIRST.id, SECOND.id}
        assert {sweep.name for sweep in index.sweeps()} == {"first", "second"}


def test_a_sweep_that_grew_is_read_again_and_one_that_is_gone_is_forgotten(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    written.submit(workspace, [FIRST], sweep="first")
    written.submit(workspace, [SECOND], tag="tag2", sweep="second")
    with open_index(workspace) as index:
        index.refresh()
        grown = Sweep(name="first", created=1.0, command=[], runs=[FIRST.id, SECOND.id])
        workspace.sweep("first").write_bytes(grown.encode())
        workspace.sweep("second").unlink()
        index.refresh()
        (sweep,) = index.sweeps()
        assert (sweep.name, list(sweep.runs)) == ("first", [FIRST.id, SECOND.id])


def test_only_named_and_new_runs_are_read(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    written.submit(workspace, [FIRST, SECOND])
    with open_index(workspace) as index:
        index.refresh()
        for spec in (FIRST, SECOND):
            written.finish(workspace, spec.id)
        index.refresh([FIRST.id])
        assert {row.id: row.state for row in index.runs()} == {FIRST.id: "completed", SECOND.id: "queued"}
        index.refresh()
        assert {row.state for row in index.runs()} == {"completed"}


def _failed(workspace: Workspace, count: int, tag: str = "tag1") -> list[str]:
    """Runs that failed long ago, in the index."""
    runs = written.specs(seeds=tuple(map(str, range(count))))
    written.submit(workspace, runs, tag=tag)
    for spec in runs:
        written.append(workspace, spec.id, [written.model_event()])
        written.leave(workspace, spec.id, "error", message="no")
    written.age(workspace)
    with open_index(workspace) as index:
        index.refresh()
        assert {row.state for row in index.runs()} == {"code error"}
    return [spec.id for spec in runs]


def test_failed_runs_are_not_read_again_however_many_there_are(tmp_path: Path) -> None:
    for count in (4, 8):
        workspace = Workspace(tmp_path / str(count))
        _failed(workspace, count)
        with open_index(workspace) as index, opened.under(workspace.runs) as paths:
            index.refresh()
        assert paths == []


def test_a_failed_run_that_changed_is_read_again_and_no_other(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    first, second, *_ = _failed(workspace, 4)
    written.finish(workspace, first, restart=1)
    with open_index(workspace) as index:
        with opened.under(workspace.runs) as paths:
            index.refresh()
        assert index.states([first, second])[first].state == "completed"
        assert index.states([first, second])[second].state == "code error"
    assert paths
    assert all(first in path for path in paths)


def test_a_failed_run_that_has_just_changed_is_read_at_each_refresh(tmp_path: Path) -> None:
    """Its next change could have the same time, so that nothing would show it."""
    workspace = Workspace(tmp_path)
    (run,) = _failed(workspace, 1)
    written.leave(workspace, run, "error", message="other")
    for _ in range(2):
        with open_index(workspace) as index, opened.under(workspace.runs) as paths:
            index.refresh()
        assert paths


def _training(workspace: Workspace, word: str | None = "RUNNING") -> str:
    """A run that has trained for a while, and is in the index. word: what the scheduler says of it."""
    written.submit(workspace, [FIRST])
    written.append(workspace, FIRST.id, [written.model_event(), written.progress_event(5)])
    if word is not None:
        written.observe(workspace, FIRST.id, word)
    written.age(workspace)
    written.append(workspace, FIRST.id, [written.progress_event(6)])  # a moment ago
    with open_index(workspace) as index:
        index.refresh()
        assert index.runs()[0].state == "running"
    return FIRST.id


def test_of_a_run_that_trains_only_the_log_is_read_again(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    run = _training(workspace)
    log = written.append(workspace, run, [written.progress_event(12), written.metrics_event(1, 70.0)])
    with open_index(workspace) as index, opened.under(workspace.runs) as paths:
        index.refresh()
        (row,) = index.runs()
    assert set(paths) == {str(log)}
    assert (row.state, row.step, row.metrics["top1"]) == ("running", 10, 70.0)
    with open_index(workspace) as index, rebuild(workspace) as again:
        assert written.contents(index) == written.contents(again)


@pytest.mark.parametrize("word", ["RUNNING", None])
def test_a_run_that_trained_is_read_again_once_anything_but_its_log_changes(word: str | None, tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    run = _training(workspace, word)
    with open_index(workspace) as index:
        written.append(workspace, run, [written.progress_event(12)])
        index.refresh()
        assert index.states([run])[run].state == "running"
        written.observe(workspace, run, "TIMEOUT", at=written.NOW + 50)
        index.refresh()
        assert index.states([run])[run].state == "timeout"
        written.leave(workspace, run, "completed")
        index.refresh()
        assert index.states([run])[run].state == "completed"


def test_a_run_that_the_scheduler_does_not_show_is_judged_by_its_log_each_time(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    written.submit(workspace, [FIRST])
    written.append(workspace, FIRST.id, [written.model_event(), written.progress_event(5)])
    seen = Observed(at=written.NOW + 2, job_id="77_0", word=ABSENT, source="squeue", logged=10**6)
    write_atomic(workspace.run(FIRST.id).attempt(1).observed / "1.json", seen.encode())
    written.age(workspace)
    written.append(workspace, FIRST.id, [written.progress_event(6)])
    with open_index(workspace) as index:
        index.refresh()
        assert index.runs()[0].reason == ""
        written.append(workspace, FIRST.id, b" " * 10**6 + b"\n")
        index.refresh()
        assert index.runs()[0].reason == "SLURM does not show its job, but its event log grows"


def test_a_run_that_starts_over_says_so_although_only_its_log_has_grown(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    run = _training(workspace)
    written.append(workspace, run, [{"kind": "restarted", "t": written.NOW + 12, "lost": 20}])
    with open_index(workspace) as index:
        index.refresh()
        assert index.runs()[0].reason == "it started over: its checkpoint of step 20 was gone"


def test_a_log_that_was_exchanged_while_it_grew_is_read_from_its_beginning(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    run = _training(workspace)
    log = workspace.run(run).attempt(1).incarnation(0).events
    log.write_bytes(written.encoded([written.model_event(), written.progress_event(2), written.metrics_event(3, 50.0)]))
    with open_index(workspace) as index, rebuild(workspace) as again:
        index.refresh()
        assert index.runs()[0].epoch == 3
        assert written.contents(index) == written.contents(again)


def test_of_a_run_whose_log_has_not_grown_only_its_end_is_read(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    run = _training(workspace)
    log = workspace.run(run).attempt(1).incarnation(0).events
    os.utime(log)
    with open_index(workspace) as index:
        with opened.under(workspace.runs) as paths:
            index.refresh()
        assert paths == [str(log)]
        log.write_bytes(log.read_bytes().replace(b'"step": 6', b'"step": 7'))  # another one of the same size
        index.refresh()
        assert index.runs()[0].step == 7
        log.unlink()
        index.refresh()
        assert index.runs()[0].step is None


def test_a_job_that_is_found_while_its_run_trains_is_in_the_index(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    written.submit(workspace, [FIRST], job_id=None)
    written.append(workspace, FIRST.id, [written.model_event(), written.progress_event(5)])
    written.observe(workspace, FIRST.id, "RUNNING")
    written.age(workspace)
    with open_index(workspace) as index:
        index.refresh()
        assert index.runs()[0].job_id is None
        submission = workspace.submission("tag1")
        submission.write_bytes(submission.read_bytes().replace(b'"job_id": null', b'"job_id": "77"'))
        index.refresh()
        assert index.runs()[0].job_id == "77_0"


def test_a_new_submission_of_a_failed_run_shows_before_its_folder_changes(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    written.submit(workspace, [FIRST], job_id=None)
    written.age(workspace)
    with open_index(workspace) as index:
        index.refresh()
        assert index.states([FIRST.id])[FIRST.id].state == "submitting"
        submission = workspace.submission("tag1")
        submission.write_bytes(submission.read_bytes().replace(b'"job_id": null', b'"job_id": "77"'))
        index.refresh()
        assert index.states([FIRST.id])[FIRST.id].state == "queued"


def test_a_failed_run_that_waits_to_be_submitted_again_is_read(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    (run,) = _failed(workspace, 1)
    write(workspace, WaitingRun(run=run, after=1, tag="tag2", created=1.0, host="h", user="u", reason="no place"))
    with open_index(workspace) as index:
        index.refresh()
        assert index.states([run])[run].state == "waiting"
        assert index.settled([run]) == {}
        workspace.waiting(run).unlink()
        index.refresh()
        assert index.states([run])[run].state == "code error"


def test_a_settled_run_is_one_whose_folder_is_as_it_was_read(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    failed, changed = _failed(workspace, 2)
    written.submit(workspace, [SECOND], tag="tag2")
    written.finish(workspace, SECOND.id)
    with open_index(workspace) as index:
        index.refresh()
        written.leave(workspace, changed, "completed")
        found = index.settled([failed, changed, SECOND.id])
        assert {run: str(verdict.state) for run, verdict in found.items()} == {
            failed: "code error",
            SECOND.id: "completed",
        }
        workspace.run(SECOND.id).attempt(1).incarnation(0).exit(0).unlink()
        assert index.settled([SECOND.id]) == {}


def test_twice_the_runs_need_no_more_statements(tmp_path: Path) -> None:
    counts = set()
    for count in (4, 8):
        workspace = Workspace(tmp_path / str(count))
        runs = _failed(workspace, count)
        statements: list[str] = []
        with open_index(workspace) as index:
            with index.guarded() as store:
                store.connection.set_trace_callback(statements.append)
            index.refresh()
            assert len(index.settled(runs)) == len(index.runs()) == count
        counts.add(len(statements))
    assert len(counts) == 1
