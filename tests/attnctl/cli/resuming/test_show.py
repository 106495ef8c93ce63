"""How the plan of a resume is told."""

from __future__ import annotations

import json

import pytest

from tests.attnctl.cli.cli_run import Run
from tests.attnctl.cli.past_runs import Past, left
from tests.attnctl.cli.resumed import runs
from tests.fixtures.fake_slurm import Fake


def test_the_plan_shows_the_cost_and_action_of_each_class(past: Past, attnctl: Run) -> None:
    timeout, stuck, error, cancelled, memory = past.specs(5)
    past.attempt(timeout, "TIMEOUT", saved=(10, 20))
    past.checkpoint(timeout, "20-1.0.pt")
    past.attempt(stuck, "TIMEOUT", saved=(10,))
    past.attempt(stuck, "TIMEOUT", number=2, began=10)
    past.checkpoint(stuck, "10-1.0.pt")
    past.attempt(error, "FAILED", exit=left("error", "KeyError: 'x'"))
    past.attempt(cancelled, "CANCELLED")
    past.attempt(memory, "OUT_OF_MEMORY", options={"mem": "8G"})
    document = json.loads(attnctl("resume", "--dry-run", "--json").out)
    found = {row["id"]: row for row in document["runs"]}
    assert {spec.id: found[spec.id]["action"] for spec in (timeout, stuck, error, cancelled, memory)} == {
        timeout.id: "continue",
        stuck.id: "needs --force",
        error.id: "needs --force",
        cancelled.id: "must be named",
        memory.id: "more memory",
    }
    row = found[timeout.id]
    assert (row["checkpoint"], row["steps"]) == (20, 40)
    assert row["seconds_lost"] == pytest.approx(30)
    assert row["seconds_left"] == pytest.approx(20)
    assert found[memory.id]["words"] == "8192 to 12288 MB"
    text = attnctl("resume", "--dry-run").out
    assert "5 of 5 runs ended before completion: " in text
    assert "step 20 of 40" in text


def test_runs_that_still_run_are_not_among_those_that_ended(past: Past, attnctl: Run, fake: Fake) -> None:
    ended, running = past.specs(2)
    past.attempt(ended, "TIMEOUT", saved=(10, 20))
    past.checkpoint(ended, "20-1.0.pt")
    past.attempt(running, "RUNNING")
    fake.says("squeue", f"7_0|RUNNING|node1|None|attnctl-{running.id}-1\n")
    text = attnctl("resume", "--dry-run").out
    assert text.splitlines()[-1] == "1 of 2 runs ended before completion: 1 continue"


def test_one_error_in_many_runs_is_shown_once(past: Past, attnctl: Run) -> None:
    specs = past.specs(6)
    for number, spec in enumerate(specs):
        past.attempt(spec, "FAILED", exit=left("error", f"RuntimeError: broke at step {number}", step=number + 1))
    text = attnctl("resume", "--dry-run").out
    assert text.count("the same error in 6 runs") == 1
    assert "6 needs --force" in text
    (past.root / "attnctl.toml").write_text("[resume.actions]\ncode-error = 'once'\n")
    assert {row["action"] for row in runs(attnctl("resume", "--dry-run", "--json"))} == {"held"}
    assert {row["starts"] for row in runs(attnctl("resume", "--dry-run", "--force", "--json"))} == {True}


def test_a_run_that_can_never_start_is_shown_with_the_fix(past: Past, attnctl: Run) -> None:
    (spec,) = past.specs(1)
    past.attempt(spec, "PENDING", reason="JobHeldUser")
    text = attnctl("resume", "--dry-run").out
    assert "scontrol release" in text
    assert "Nothing to resume: no interrupted or failed runs among 1 run." in text


def test_runs_that_are_still_being_cancelled_are_told(past: Past, attnctl: Run, fake: Fake) -> None:
    first, second, kept = past.specs(3)
    for spec in (first, second, kept):
        past.attempt(spec, "RUNNING")
    past.sweep("both", [first, second])
    lines = [f"7_0|RUNNING|node1|None|attnctl-{spec.id}-1\n" for spec in (first, second, kept)]
    fake.says("squeue", "".join(lines))
    fake.says("scancel", "")
    assert "cancelled" not in attnctl("resume").out
    assert attnctl("cancel", first.id, "--yes").code == 0
    text = attnctl("resume").out
    assert text == "1 run is still being cancelled; try again in a minute\n"
    assert attnctl("cancel", "both", "--yes").code == 0
    text = attnctl("resume", "--state", "cancelled").out
    assert text.splitlines()[-1] == "2 runs are still being cancelled; try again in a minute"
    document = json.loads(attnctl("resume", "--dry-run", "--json").out)
    assert (document["runs"], set(document["cancelling"])) == ([], {first.id, second.id})
