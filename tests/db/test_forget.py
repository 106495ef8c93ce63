"""Runs whose folders were changed are read anew."""

from __future__ import annotations

from attnctl.db import open_index
from attnctl.db.forget import forget
from attnctl.workspace.layout import Workspace
from tests.db import written

FIRST, SECOND = written.specs(("none", "ela"), ("0", "1"))[:2]


def test_a_finished_run_is_read_again_and_the_others_are_not(workspace: Workspace) -> None:
    with open_index(workspace) as index:
        index.refresh()
        before = index.runs([FIRST.id, SECOND.id])
        log = workspace.run(FIRST.id).attempt(1).incarnation(0).events
        text = log.read_text()
        log.write_text(text.replace('"device": "cpu"', '"device": "changed"'))
        index.refresh()
        assert index.runs([FIRST.id]) == before[:1], "a run that has ended is not looked at again"
        forget(index, [FIRST.id])
        assert FIRST.id not in {row.id for row in index.runs()}
        index.refresh()
        (again,) = index.runs([FIRST.id])
        assert again.device == "changed"
        assert index.runs([SECOND.id]) == before[1:]


def test_forgetting_unknown_runs_changes_nothing(workspace: Workspace) -> None:
    with open_index(workspace) as index:
        index.refresh()
        before = [row.id for row in index.runs()]
        forget(index, ["f" * 16])
        index.refresh()
        assert [row.id for row in index.runs()] == before
