"""Requests to write that come late."""

from __future__ import annotations

import dataclasses
import shutil

from attnctl.db import open_index, rebuild
from attnctl.lifecycle.state import State
from attnctl.workspace.layout import Workspace
from attnctl.workspace.records import Submission
from tests.db import written

RUNS = written.specs(("none", "ela"), ("0", "1"))


def test_a_reservation_that_was_closed_without_tasks_is_refused_however_late_it_comes(workspace: Workspace) -> None:
    run = RUNS[1].id
    written.submit(workspace, [RUNS[1]], tag="tag2", number=2, job_id=None)
    path = workspace.submission("tag2")
    whole = Submission.decode(path.read_bytes())
    path.unlink()
    with open_index(workspace) as opened:
        opened.refresh()
        assert opened.states([run])[run].state is State.SUBMITTING
        path.write_bytes(dataclasses.replace(whole, tasks=[], specs={}, failed="it ended before it").encode())
        opened.refresh()
        assert (opened.states([run])[run].state, opened.states([run])[run].reason) == (
            State.REFUSED,
            "it ended before it",
        )


def test_a_run_whose_folder_was_removed_and_made_anew_has_nothing_of_before(workspace: Workspace) -> None:
    run = RUNS[0].id
    written.submit(workspace, [RUNS[0]])
    written.finish(workspace, run)
    with open_index(workspace) as opened:
        opened.refresh()
        assert opened.states([run])[run].state is State.COMPLETED
        shutil.rmtree(workspace.run(run).path)
        written.submit(workspace, [RUNS[0]], tag="tag2", job_id="78")
        opened.refresh()
        assert opened.states([run])[run].state is State.QUEUED
        kept = written.contents(opened)
    with rebuild(workspace) as opened:
        assert kept == written.contents(opened)
