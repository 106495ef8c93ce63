"""What a sweep plans for each of its runs."""

from __future__ import annotations

import json
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from attnctl import grid
from attnctl.cli.sweeping import plan
from attnctl.db import location, open_index
from attnctl.files import write_atomic
from attnctl.grid import Axes
from attnctl.settings.config import find
from attnctl.workspace.layout import Workspace
from attnctl.workspace.records import Exit
from tests.attnctl.cli.cli_run import workspace_with_a_run
from tests.db import opened, written


@pytest.mark.parametrize(
    ("outcome", "action", "again"),
    [
        ("completed", "done", "done"),
        ("error", "failed", "will be retried"),
        ("diverged", "failed", "will be retried"),
        ("interrupted", "will continue", "will continue"),
        ("preempted", "will continue", "will continue"),
        (None, "queued", "queued"),
    ],
)
def test_a_plan_lists_the_action_for_each_run(outcome: str | None, action: str, again: str, tmp_path: Path) -> None:
    root = workspace_with_a_run(tmp_path)
    workspace = find(root, root, {}).workspace
    specs = grid.expand(Axes(modules=("ela",))).specs
    if outcome is not None:
        incarnation = workspace.run(specs[0].id).attempt(1).incarnation(0)
        write_atomic(incarnation.exit(0), Exit(rank=0, at=1.0, outcome=outcome).encode())
    for retry, expected in ((False, action), (True, again)):
        assert [str(item.action) for item in plan.plan(workspace, specs, retry_failed=retry)] == [expected]


def test_finished_runs_are_planned_from_the_index_and_their_files_are_not_opened(tmp_path: Path) -> None:
    for count in (4, 8):
        workspace = Workspace(tmp_path / str(count))
        specs = written.specs(seeds=tuple(map(str, range(count))))
        written.submit(workspace, specs)
        for spec in specs:
            written.finish(workspace, spec.id)
        with open_index(workspace) as index:
            index.refresh()
        with opened.under(workspace.runs) as paths:
            planned = plan.plan(workspace, specs, retry_failed=False)
        assert {str(item.action) for item in planned} == {"done"}
        assert paths == []


def test_a_plan_notices_that_a_finished_run_is_no_longer_as_the_index_has_it(tmp_path: Path) -> None:
    workspace, specs = Workspace(tmp_path), written.specs(seeds=("0", "1", "2", "3"))
    written.submit(workspace, specs)
    for spec in specs:
        written.finish(workspace, spec.id)
    with open_index(workspace) as index:
        index.refresh()
    lost, replaced, gone, _whole = specs
    workspace.run(lost.id).attempt(1).incarnation(0).exit(0).unlink()
    written.leave(workspace, replaced.id, "error", message="no")
    shutil.rmtree(workspace.run(gone.id).path)
    actions = [str(item.action) for item in plan.plan(workspace, specs, retry_failed=False)]
    assert actions == ["queued", "failed", "new", "done"]


def test_a_torn_index_does_not_keep_a_sweep_from_planning(tmp_path: Path) -> None:
    workspace, specs = Workspace(tmp_path), written.specs(seeds=tuple(map(str, range(40))))
    written.submit(workspace, specs)
    written.finish(workspace, specs[0].id)
    with open_index(workspace) as index:
        index.refresh()
    file = location(workspace)
    with closing(sqlite3.connect(file)) as connection:
        query = "SELECT rootpage FROM sqlite_master WHERE name = 'stamp'"
        ((page,),) = connection.execute(query).fetchall()
        ((size,),) = connection.execute("PRAGMA page_size").fetchall()
    content = bytearray(file.read_bytes())
    content[(page - 1) * size : page * size] = bytes(size)
    file.write_bytes(content)
    actions = [str(item.action) for item in plan.plan(workspace, specs, retry_failed=False)]
    assert actions == ["done", *["queued"] * 39]


def test_a_plan_makes_no_index(tmp_path: Path) -> None:
    workspace, specs = Workspace(tmp_path), written.specs()
    written.submit(workspace, specs)
    plan.plan(workspace, specs, retry_failed=False)
    assert not location(workspace).exists()


def test_only_the_named_runs_of_a_plan_are_read_again(tmp_path: Path) -> None:
    workspace, specs = Workspace(tmp_path), written.specs(seeds=("0", "1"))
    written.submit(workspace, specs)
    before = plan.plan(workspace, specs, retry_failed=False)
    for spec in specs:
        written.finish(workspace, spec.id)
    now = plan.planned_again(workspace, before, {specs[1].id}, retry_failed=False)
    assert [str(item.action) for item in now] == ["queued", "done"]


def test_a_refreshed_index_proves_what_is_planned_but_for_runs_with_a_damaged_file_and_exchanged_ones(
    tmp_path: Path,
) -> None:
    workspace, specs = Workspace(tmp_path), written.specs(seeds=tuple(map(str, range(6))))
    done, failed, queued, damaged, exchanged, unsubmitted = specs
    written.submit(workspace, specs[:-1])
    for spec in (done, exchanged):
        written.finish(workspace, spec.id)
    written.leave(workspace, failed.id, "error", message="no")
    write_atomic(workspace.run(damaged.id).attempt(1).incarnation(0).exit(0), b"{")
    write_atomic(workspace.run(unsubmitted.id).spec, json.dumps(unsubmitted.to_json()).encode())
    ids = [spec.id for spec in specs]
    with open_index(workspace) as index:
        index.refresh()
        written.leave(workspace, exchanged.id, "error", message="no")
        index.refresh(ids)
        known = index.proven(ids)
        assert index.proven([]) == {}
    assert set(known) == {done.id, failed.id, queued.id}
    planned = plan.plan(workspace, specs, retry_failed=False, known=known)
    assert [str(item.action) for item in planned] == ["done", "failed", "queued", "queued", "failed", "new"]
    assert planned == plan.plan(workspace, specs, retry_failed=False)
