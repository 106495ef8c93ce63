"""Which runs a resume takes, and what it decides for each."""

from __future__ import annotations

import json

from attnctl.files import write_atomic
from attnctl.workspace.records import Cancel
from tests.attnctl.cli.cli_run import Run
from tests.attnctl.cli.past_runs import Past, left
from tests.attnctl.cli.resumed import runs


def test_classes_and_runs_can_be_chosen(past: Past, attnctl: Run) -> None:
    preempted, cancelled, error = past.specs(3)
    past.attempt(preempted, "PREEMPTED")
    past.attempt(cancelled, "CANCELLED")
    past.attempt(error, "FAILED", exit=left("error", "KeyError"))
    by_state = runs(attnctl("resume", "--state", "cancelled,error", "--dry-run", "--json"))
    assert {row["id"]: row["action"] for row in by_state} == {cancelled.id: "start", error.id: "needs --force"}
    (named,) = runs(attnctl("resume", cancelled.id[:8], "--dry-run", "--json"))
    assert named["starts"]
    past.sweep("one", [preempted])
    assert [row["id"] for row in runs(attnctl("resume", "one", "--dry-run", "--json"))] == [preempted.id]


def test_a_named_sweep_takes_up_what_ctrl_c_stopped_but_not_what_was_cancelled(past: Past, attnctl: Run) -> None:
    stopped, cancelled, queued = past.specs(3)
    past.attempt(stopped, "CANCELLED", where="local")
    past.attempt(cancelled, "CANCELLED", where="local")
    past.attempt(queued, "CANCELLED")
    attempt = past.config.workspace.run(cancelled.id).attempt(1)
    write_atomic(attempt.cancel, Cancel(at=5.0, user="ada", host="login").encode())
    past.sweep("mine", [stopped, cancelled, queued])
    planned = runs(attnctl("resume", "mine", "--dry-run", "--json"))
    assert {row["id"]: row["starts"] for row in planned} == {stopped.id: True, cancelled.id: False, queued.id: False}
    assert not any(row["starts"] for row in runs(attnctl("resume", "--dry-run", "--json")))


def test_attempts_are_bounded_by_run_and_by_sweep(past: Past, attnctl: Run) -> None:
    one, other = past.specs(2)
    for number in (1, 2, 3):
        past.attempt(one, "PREEMPTED", number=number)
    past.attempt(other, "PREEMPTED")
    past.sweep("both", [one, other])
    limited = runs(attnctl("resume", "--max-attempts", "3", "--dry-run", "--json"))
    assert [row["action"] for row in limited] == ["budget spent", "start"]
    (past.root / "attnctl.toml").write_text("[resume]\nsweep_attempts = 3\n")
    assert [row["action"] for row in runs(attnctl("resume", "both", "--dry-run", "--json"))] == [
        "start",
        "budget spent",
    ]


def test_jobs_held_after_failed_launches_are_to_be_released(past: Past, attnctl: Run) -> None:
    held, other = past.specs(2)
    past.attempt(held, "PENDING", reason="launch failed requeued held")
    past.attempt(other, "PENDING", reason="Resources")
    assert (
        f"1 run ({held.id[:8]}) will be released: SLURM could not start its job and holds it\n"
        in attnctl("resume", "--dry-run").out
    )
    document = json.loads(attnctl("resume", "--dry-run", "--json").out)
    assert (document["held"], document["stuck"]) == ([held.id], {})
    assert json.loads(attnctl("resume", "--dry-run", "--state", "timeout", "--json").out)["held"] == []


def test_runs_that_were_never_reserved_are_named_with_their_command(past: Past, attnctl: Run) -> None:
    there, missing = past.specs(2)
    past.attempt(there, "PREEMPTED")
    past.sweep("half", [there, missing])
    result = attnctl("resume", "half", "--dry-run")
    assert "1 run of half was never submitted; type: attnctl sweep se" in result.err


def test_a_run_with_a_broken_spec_is_named_and_stops_nothing(past: Past, attnctl: Run) -> None:
    good, broken = past.specs(2)
    past.attempt(good, "PREEMPTED")
    past.attempt(broken, "PREEMPTED")
    past.config.workspace.run(broken.id).spec.write_text("{")
    result = attnctl("resume", "--dry-run", "--json")
    assert [row["id"] for row in runs(result)] == [good.id]
    assert broken.id in json.loads(result.out)["broken"][0]


def test_waiting_runs_will_not_use_a_node_on_which_three_runs_failed_to_launch(past: Past, attnctl: Run) -> None:
    *failed, waiting = past.specs(4)
    for spec in failed:
        past.attempt(spec, "FAILED", exit_code="0:53")
    past.attempt(waiting, "PENDING", reason="Resources")
    assert "1 waiting run will not use node1\n" in attnctl("resume", "--dry-run").out
    document = json.loads(attnctl("resume", "--dry-run", "--json").out)
    assert document["excluded"] == {"nodes": ["node1"], "runs": [waiting.id]}
    (past.root / "attnctl.toml").write_text("[resume]\nsame_error = 4\n")
    assert "will not use" not in attnctl("resume", "--dry-run").out
