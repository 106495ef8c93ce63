"""`attnctl cancel`: the end of runs, asked for."""

from __future__ import annotations

import json

from attnctl.workspace.records import Cancel
from tests.attnctl.cli.cli_run import Run, assert_refused, listing
from tests.attnctl.cli.past_runs import Past, left


def test_cancelling_an_active_run_is_requested_and_recorded(past: Past, attnctl: Run) -> None:
    active, done = past.specs(2)
    past.attempt(active, "RUNNING")
    past.attempt(done, "COMPLETED", exit=left("completed", step=40))
    past.sweep("both", [active, done])
    document = json.loads(attnctl("cancel", "both", "--yes", "--json").out)
    assert document["runs"] == [active.id]
    assert "squeue" in document["unavailable"], "there is no SLURM here to ask"
    workspace = past.config.workspace
    assert Cancel.read(workspace.run(active.id).attempt(1).cancel) is not None
    assert not workspace.run(done.id).attempt(1).cancel.exists()


def test_a_script_must_pass_yes(past: Past, attnctl: Run) -> None:
    (active,) = past.specs(1)
    past.attempt(active, "RUNNING")
    attnctl("status")
    before = listing(past.root)
    result = attnctl("cancel", active.id)
    assert_refused(result, "cancel")
    assert "--yes" in result.err
    assert listing(past.root) == before


def test_an_ended_run_is_left_unchanged(past: Past, attnctl: Run) -> None:
    (done,) = past.specs(1)
    past.attempt(done, "COMPLETED", exit=left("completed", step=40))
    result = attnctl("cancel", done.id[:8])
    assert (result.code, "nothing to cancel" in result.out) == (0, True)
    assert not past.config.workspace.run(done.id).attempt(1).cancel.exists()


def test_a_name_of_neither_a_run_nor_a_sweep_is_refused(past: Past, attnctl: Run) -> None:
    past.attempt(past.specs(1)[0], "RUNNING")
    assert_refused(attnctl("cancel", "zzzz", "--yes"), "zzzz")
