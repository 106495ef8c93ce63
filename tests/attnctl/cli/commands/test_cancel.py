"""`attnctl cancel`: the end of runs, asked for."""

from __future__ import annotations

import json

from attnctl.workspace.records import Cancel
from tests.attnctl.cli.cli_run import Run, assert_refused, listing
from tests.attnctl.cli.past_runs import Past, left
from tests.fixtures.fake_slurm import Fake


def test_a_run_that_slurm_cannot_be_asked_about_is_not_cancelled(past: Past, attnctl: Run) -> None:
    active, done = past.specs(2)
    past.attempt(active, "RUNNING")
    past.attempt(done, "COMPLETED", exit=left("completed", step=40))
    past.sweep("both", [active, done])
    reason = "SLURM does not answer: squeue is not installed on this machine"
    result = attnctl("cancel", "both", "--yes", "--json")
    assert (result.code, json.loads(result.out)) == (1, {"runs": [], "refused": {active.id: reason}})
    result = attnctl("cancel", "both", "--yes")
    assert (result.code, result.out) == (1, "cancelling 0 of 2 runs\n")
    assert f"not cancelled: {active.id[:8]}: {reason}" in result.err
    workspace = past.config.workspace
    assert not workspace.run(active.id).attempt(1).cancel.exists()
    assert not workspace.run(done.id).attempt(1).cancel.exists()


def test_cancelled_runs_are_counted_and_recorded(past: Past, attnctl: Run, fake: Fake) -> None:
    active, done = past.specs(2)
    past.attempt(active, "RUNNING")
    past.attempt(done, "COMPLETED", exit=left("completed", step=40))
    past.sweep("both", [active, done])
    fake.says("squeue", f"7_0|RUNNING|node1|None|attnctl-{active.id}-1\n")
    fake.says("scancel", "")
    result = attnctl("cancel", "both", "--yes")
    assert (result.code, result.out) == (0, "cancelling 1 of 2 runs\n")
    assert Cancel.read(past.config.workspace.run(active.id).attempt(1).cancel) is not None


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


def test_only_runs_that_meet_the_options_are_cancelled(past: Past, attnctl: Run, fake: Fake) -> None:
    active, done = past.specs(2)
    past.attempt(active, "RUNNING")
    past.attempt(done, "COMPLETED", exit=left("completed", step=40))
    past.sweep("both", [active, done])
    attnctl("tag", done.id, "rerun")
    fake.says("squeue", f"7_0|RUNNING|node1|None|attnctl-{active.id}-1\n")
    fake.says("scancel", "")
    result = attnctl("cancel", "both", "--tag", "rerun", "--yes")
    assert (result.code, result.out) == (0, "nothing to cancel: none of 1 run is active\n")
    assert_refused(attnctl("cancel", "both", "--state", "timeout", "--yes"), "none of 2 runs meets --state timeout")
    assert not past.config.workspace.run(active.id).attempt(1).cancel.exists()
    result = attnctl("cancel", "both", "--state", "running,completed", "--yes", "--json")
    assert (result.code, json.loads(result.out)["runs"]) == (0, [active.id])
