"""Finding what is new in a workspace."""

from __future__ import annotations

from pathlib import Path

import pytest

from attnctl.db import open_index
from attnctl.db.refresh import is_empty
from attnctl.workspace.layout import Workspace
from attnctl.workspace.records import Sweep
from tests.db import written

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
