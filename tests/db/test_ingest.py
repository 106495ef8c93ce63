"""Ingestion: whatever the jobs write, and in whatever pieces, the index says the same."""

from __future__ import annotations

import itertools
import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from attnctl.db import open_index, rebuild
from attnctl.db.rows import RunRow
from attnctl.lifecycle.state import State
from attnctl.workspace.layout import Workspace
from tests.db import written

RUN = written.specs()[0]


def refreshed(workspace: Workspace) -> tuple[list[RunRow], dict[str, list[str]]]:
    with open_index(workspace) as index:
        index.refresh()
        return index.runs(), written.contents(index)


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    made = Workspace(tmp_path)
    written.submit(made, [RUN], sweep="first")
    return made


def only(workspace: Workspace) -> RunRow:
    (row,) = refreshed(workspace)[0]
    return row


def test_a_submitted_run_is_queued_under_its_array_task(workspace: Workspace) -> None:
    row = only(workspace)
    assert (row.id, row.verdict.state, row.job_id, row.attempt) == (RUN.id, State.QUEUED, "77_0", 1)
    assert row.spec == RUN
    assert row.hyperparameters == {"groups": "c", "kernel": "7", "num_groups": "16", "shared": "true"}
    assert row.recipe == {**vars(RUN.recipe)}
    assert (row.metrics, row.best, row.progress) == ({}, {}, None)


def test_a_local_run_has_its_supervisor_as_job(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    written.submit(workspace, [RUN], where="local", job_id="host:12")
    assert only(workspace).job_id == "host:12"


def test_the_states_follow_the_evidence(workspace: Workspace) -> None:
    assert only(workspace).state == "queued"
    written.observe(workspace, RUN.id, "RUNNING")
    assert only(workspace).state == "running"
    written.append(workspace, RUN.id, [written.model_event(), written.progress_event(15)])
    row = only(workspace)
    assert (row.step, row.steps, row.progress, row.images_per_s, row.params) == (15, 40, 0.375, 50.0, 272474)
    written.leave(workspace, RUN.id, "error", message="ValueError: no")
    written.observe(workspace, RUN.id, "FAILED", at=written.NOW + 30)
    row = only(workspace)
    assert (row.verdict.state, row.reason, row.ended) == (State.ERROR, "ValueError: no", written.NOW + 21)


def test_rejected_and_cancelled_submissions_have_their_state(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    first, second = written.specs(seeds=("0", "1"))
    written.submit(workspace, [first], tag="a", job_id=None, failed="no such partition")
    written.submit(workspace, [second], tag="b")
    written.cancel(workspace, second.id)
    written.observe(workspace, second.id, "CANCELLED", at=written.NOW + 6)
    states = {row.id: (row.state, row.reason) for row in refreshed(workspace)[0]}
    assert states == {first.id: ("refused", "no such partition"), second.id: ("cancelled", "cancelled by bob")}


def test_a_job_id_that_is_recorded_later_is_indexed(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    written.submit(workspace, [RUN], job_id=None)
    assert (only(workspace).state, only(workspace).job_id) == ("submitting", None)
    written.submit(workspace, [RUN], job_id="5")
    assert (only(workspace).state, only(workspace).job_id) == ("queued", "5_0")


def test_the_last_and_the_best_epoch_are_kept(workspace: Workspace) -> None:
    evaluations = [written.metrics_event(epoch, top1) for epoch, top1 in ((1, 50.0), (2, 70.0), (3, 70.0), (4, 60.0))]
    written.append(workspace, RUN.id, [written.model_event(), *evaluations])
    row = only(workspace)
    assert (row.epoch, row.metrics["top1"], row.best_epoch, row.best["top1"]) == (4, 60.0, 2, 70.0)
    assert row.best["loss"] == evaluations[1]["values"]["loss"]


def test_a_partial_line_is_read_once_it_is_complete(workspace: Workspace) -> None:
    whole = written.encoded([written.metrics_event(1, 50.0), written.metrics_event(2, 60.0)])
    written.append(workspace, RUN.id, whole[:-20])
    assert only(workspace).epoch == 1
    written.append(workspace, RUN.id, whole[-20:])
    assert only(workspace).epoch == 2


@pytest.mark.parametrize("longer", [False, True])
def test_a_log_that_was_replaced_is_read_again(workspace: Workspace, longer: bool) -> None:
    path = written.append(workspace, RUN.id, [written.metrics_event(1, 50.0), written.metrics_event(2, 60.0)])
    assert only(workspace).metrics["top1"] == 60.0
    epochs = (1, 2, 3) if longer else (1,)
    path.write_bytes(written.encoded([written.metrics_event(epoch, 7.0) for epoch in epochs]))
    row = only(workspace)
    assert (row.metrics["top1"], row.best["top1"], row.epoch) == (7.0, 7.0, epochs[-1])
    with open_index(workspace) as index:
        assert [r.value for r in index.history(RUN.id) if r.name == "top1"] == [7.0] * len(epochs)


def test_a_log_that_is_gone_is_forgotten(workspace: Workspace) -> None:
    path = written.append(workspace, RUN.id, [written.metrics_event(1, 50.0)])
    assert only(workspace).epoch == 1
    path.unlink()
    assert only(workspace).epoch is None


def test_after_a_rollback_the_higher_token_wins(workspace: Workspace) -> None:
    written.append(
        workspace, RUN.id, [written.model_event(), written.metrics_event(1, 50.0), written.metrics_event(2, 90.0)]
    )
    refreshed(workspace)
    written.append(workspace, RUN.id, [written.model_event(), written.metrics_event(2, 60.0)], restart=1)
    refreshed(workspace)
    written.append(workspace, RUN.id, [written.metrics_event(3, 55.0)])  # the old one still runs for a moment
    written.append(workspace, RUN.id, [written.metrics_event(3, 65.0)], restart=1)
    row = only(workspace)
    assert (row.metrics["top1"], row.best["top1"], row.best_epoch) == (65.0, 65.0, 3)
    with open_index(workspace) as index:
        found = [(r.epoch, r.value, r.incarnation) for r in index.history(RUN.id) if r.name == "top1"]
    assert found == [(1, 50.0, 0), (2, 60.0, 1), (3, 65.0, 1)]


@pytest.mark.parametrize(("device", "alarmed"), [("cpu", True), ("NVIDIA H200", False)])
def test_attempts_on_the_cpu_that_differ_raise_an_alarm(workspace: Workspace, device: str, alarmed: bool) -> None:
    for restart, top1 in ((0, 50.0), (1, 50.5)):
        written.append(
            workspace, RUN.id, [written.model_event(device), written.metrics_event(1, top1)], restart=restart
        )
    alarm = only(workspace).alarm
    assert (alarm is not None) is alarmed
    assert not alarmed or alarm == "attempts 1.0 and 1.1 disagree: loss of epoch 1 is 0.5 and 0.495"


def test_attempts_that_agree_raise_none_though_their_speed_differs(workspace: Workspace) -> None:
    for restart in (0, 1):
        event = written.metrics_event(1, 50.0, images_per_s=100.0 + restart)
        written.append(workspace, RUN.id, [written.model_event(), event], restart=restart)
    assert only(workspace).alarm is None


def test_a_second_attempt_is_the_one_that_counts(workspace: Workspace) -> None:
    written.leave(workspace, RUN.id, "error", message="first")
    refreshed(workspace)
    written.submit(workspace, [RUN], tag="tag2", number=2, job_id="78")
    row = only(workspace)
    assert (row.attempt, row.state, row.job_id) == (2, "queued", "78_0")
    written.finish(workspace, RUN.id, number=2)
    assert only(workspace).state == "completed"


def test_a_completed_run_that_is_submitted_again_is_read_again(workspace: Workspace) -> None:
    written.finish(workspace, RUN.id)
    assert only(workspace).state == "completed"
    written.submit(workspace, [RUN], tag="tag2", number=2, job_id="78")
    assert (only(workspace).state, only(workspace).attempt) == ("queued", 2)


def test_folders_without_a_spec_are_not_runs_and_foreign_names_are_ignored(workspace: Workspace) -> None:
    (workspace.runs / ("0" * 16)).mkdir()
    (workspace.runs / "notes.txt").write_text("mine")
    (workspace.runs / "My Results").mkdir()
    assert [row.id for row in refreshed(workspace)[0]] == [RUN.id]


def test_runs_deleted_from_the_workspace_leave_the_index(workspace: Workspace) -> None:
    import shutil

    refreshed(workspace)
    shutil.rmtree(workspace.run(RUN.id).path)
    workspace.sweep("first").unlink()
    with open_index(workspace) as index:
        index.refresh()
        assert (index.runs(), index.sweeps()) == ([], [])


BROKEN = {
    "spec.json": lambda run: run.spec,
    "request.json": lambda run: run.attempt(1).request,
    "observed": lambda run: run.attempt(1).observed / "x.json",
    "cancel.json": lambda run: run.attempt(1).cancel,
    "exit.0.json": lambda run: run.attempt(1).incarnation(0).exit(0),
    "env.json": lambda run: run.attempt(1).incarnation(0).env,
}


@pytest.mark.parametrize("content", ["", "{", "[]", "null", '{"at": "yesterday"}', "\udcff"])
@pytest.mark.parametrize("name", BROKEN)
def test_a_damaged_file_is_reported_for_its_run_and_affects_no_other(tmp_path: Path, name: str, content: str) -> None:
    workspace = Workspace(tmp_path)
    broken, whole = written.specs(seeds=("0", "1"))
    written.submit(workspace, [broken, whole])
    for spec in (broken, whole):
        written.append(workspace, spec.id, [written.model_event()])
    path = BROKEN[name](workspace.run(broken.id))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content, errors="surrogateescape")
    written.finish(workspace, whole.id)
    rows = {row.id: row for row in refreshed(workspace)[0]}
    assert rows[whole.id].state == "completed"
    bad = rows[broken.id]
    if name == "env.json" and content.startswith('{"'):
        assert bad.problem is None
    else:
        assert bad.problem is not None
        assert path.name in bad.problem
        assert bad.reason


def test_a_damaged_submission_or_sweep_affects_no_other(workspace: Workspace) -> None:
    workspace.submission("other").write_text("{")
    workspace.sweep("other").write_text("[]")
    assert only(workspace).state == "queued"
    with open_index(workspace) as index:
        assert [sweep.name for sweep in index.sweeps()] == ["first"]


@pytest.mark.parametrize(
    "line",
    [
        b"\x00\xff\xfe",
        b'{"kind": "metrics", "step": "x", "epoch": 1, "values": {}}',
        b'{"kind": "metrics", "step": 1, "epoch": 1, "values": {"top1": NaN, "loss": true, "x": "y"}}',
        b'{"kind": "model", "params": 99999999999999999999999, "device": 3}',
        b'{"kind": "progress", "step": 1e400, "t": "now"}',
        b'{"kind": 5}',
        b"[1, 2]",
        b"",
    ],
)
def test_a_foreign_line_is_left_out(workspace: Workspace, line: bytes) -> None:
    written.append(workspace, RUN.id, written.encoded([written.metrics_event(1, 50.0)]) + line + b"\n")
    written.append(workspace, RUN.id, [written.metrics_event(2, 60.0)])
    assert only(workspace).metrics["top1"] == 60.0


EVENTS = st.lists(
    st.one_of(
        st.builds(written.metrics_event, st.integers(1, 4), st.sampled_from([10.0, 20.0, 30.0])),
        st.builds(written.progress_event, st.integers(0, 40)),
        st.just(written.model_event()),
    ),
    max_size=8,
)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(logs=st.lists(EVENTS, min_size=1, max_size=3), data=st.data())
def test_any_increments_yield_the_rows_of_a_rebuild(
    tmp_path_factory: pytest.TempPathFactory, logs: list[list[written.Event]], data: st.DataObject
) -> None:
    workspace = Workspace(tmp_path_factory.mktemp("w"))
    written.submit(workspace, [RUN])
    rests = [written.encoded(events) for events in logs]
    times = itertools.count(written.NOW)
    while any(rests):
        restart = data.draw(st.sampled_from([number for number, rest in enumerate(rests) if rest]))
        cut = data.draw(st.integers(1, len(rests[restart])))
        written.append(workspace, RUN.id, rests[restart][:cut], restart=restart)
        rests[restart] = rests[restart][cut:]
        if data.draw(st.booleans()):
            if data.draw(st.booleans()):
                written.age(workspace, next(times))  # then the run is read again only if more than its log changes
            refreshed(workspace)
    incremental = refreshed(workspace)
    assert refreshed(workspace) == incremental
    with rebuild(workspace) as index:
        assert written.contents(index) == incremental[1]


def test_a_log_is_read_in_blocks(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("attnctl.workspace.events.BLOCK", 37)
    events = [written.metrics_event(epoch, float(epoch)) for epoch in range(1, 30)]
    written.append(workspace, RUN.id, events)
    _, blocks = refreshed(workspace)
    monkeypatch.undo()
    with rebuild(workspace) as index:
        assert written.contents(index) == blocks
        assert len(json.dumps(index.history(RUN.id))) > 100
