"""`attnctl resume`: the plan, consent, budgets, and a real run that goes on."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from attnctl.workspace.records import read_events
from tests.attnctl.cli.cli_run import Result, Run, listing
from tests.attnctl.cli.past_runs import Past, left

GATE = '''
import os

from torch import nn


class Gate(nn.Module):
    """A gate that breaks after a while, until it is mended."""

    version = 1

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.scale = nn.Conv2d(channels, channels, 1)
        self.count = 0

    def forward(self, x):
        self.count += 1
        if self.count > 40 and not os.path.exists(os.environ["GATE_MENDED"]):
            raise RuntimeError("the gate broke")
        return x * self.scale(x).sigmoid()
'''


def runs(result: Result) -> list[dict[str, Any]]:
    assert result.code == 0, result.err
    found: list[dict[str, Any]] = json.loads(result.out)["runs"]
    return found


def test_a_run_that_broke_goes_on_from_its_checkpoint_when_forced(
    folder: Path, attnctl: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GATE_MENDED", str(folder / "mended"))
    (folder / "gate.py").write_text(GATE)
    small = ["--epochs", "3", "--batch", "128", "--norm-batch", "64", "--input-size", "8"]
    failed = attnctl("sweep", "./gate.py:Gate", *small, "--name", "gates", "--json")
    assert failed.code == 1
    (run,) = json.loads(failed.out)["runs"]
    (before,) = runs(attnctl("resume", "--json"))
    assert (before["action"], before["tag"]) == ("only with --force", None)
    assert before["checkpoint"] > 0

    (folder / "mended").touch()
    (resumed,) = runs(attnctl("resume", "gates", "--force", "--json"))
    assert resumed["job_id"]
    attempt = folder / "runs" / run["id"] / "attempts" / "2" / "0" / "events.jsonl"
    steps = [event["step"] for event in read_events(attempt.read_bytes()) if event["kind"] == "resumed"]
    assert steps == [before["checkpoint"]]
    assert json.loads(attnctl("status", "--json").out)["runs"][0]["state"] == "completed"
    assert "nothing to resume" in attnctl("resume").out


def test_the_plan_says_what_each_class_costs_and_does(past: Past, attnctl: Run) -> None:
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
        stuck.id: "only with --force",
        error.id: "only with --force",
        cancelled.id: "only when named",
        memory.id: "more memory",
    }
    row = found[timeout.id]
    assert (row["checkpoint"], row["steps"]) == (20, 40)
    assert row["seconds_lost"] == pytest.approx(30)
    assert row["seconds_left"] == pytest.approx(20)
    assert found[memory.id]["words"] == "8192 to 12288 MB"
    text = attnctl("resume", "--dry-run").out
    assert "5 of 5 runs ended before their time: " in text
    assert "step 20 of 40" in text


def test_classes_and_runs_can_be_chosen(past: Past, attnctl: Run) -> None:
    preempted, cancelled, error = past.specs(3)
    past.attempt(preempted, "PREEMPTED")
    past.attempt(cancelled, "CANCELLED")
    past.attempt(error, "FAILED", exit=left("error", "KeyError"))
    by_state = runs(attnctl("resume", "--state", "cancelled,error", "--dry-run", "--json"))
    assert {row["id"]: row["action"] for row in by_state} == {cancelled.id: "start", error.id: "only with --force"}
    (named,) = runs(attnctl("resume", cancelled.id[:8], "--dry-run", "--json"))
    assert named["starts"]
    past.sweep("one", [preempted])
    assert [row["id"] for row in runs(attnctl("resume", "one", "--dry-run", "--json"))] == [preempted.id]


def test_a_checkpoint_that_is_gone_waits_for_consent(past: Past, attnctl: Run) -> None:
    (spec,) = past.specs(1)
    past.attempt(spec, "PREEMPTED", saved=(10, 30))
    before = listing(past.root / "runs")
    result = attnctl("resume", "--json")
    (row,) = runs(result)
    assert (row["checkpoint"], row["checkpoint_gone"], row["consent"], row["starts"]) == (None, 30, True, False)
    assert row["seconds_left"] == pytest.approx(40)
    assert "--yes starts over" in result.err
    assert listing(past.root / "runs") == before
    (agreed,) = runs(attnctl("resume", "--yes", "--dry-run", "--json"))
    assert agreed["starts"]
    assert "waiting for consent: its checkpoint of step 30 is gone" in attnctl("resume", "--dry-run").out


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


def test_one_error_in_many_runs_is_shown_once(past: Past, attnctl: Run) -> None:
    specs = past.specs(6)
    for number, spec in enumerate(specs):
        past.attempt(spec, "FAILED", exit=left("error", f"RuntimeError: broke at step {number}", step=number + 1))
    text = attnctl("resume", "--dry-run").out
    assert text.count("the same in 6 runs") == 1
    assert "6 only with --force" in text
    (past.root / "attnctl.toml").write_text("[resume.actions]\ncode-error = 'once'\n")
    assert {row["action"] for row in runs(attnctl("resume", "--dry-run", "--json"))} == {"held"}
    assert {row["starts"] for row in runs(attnctl("resume", "--dry-run", "--force", "--json"))} == {True}


def test_what_waits_in_vain_is_told_with_the_mend(past: Past, attnctl: Run) -> None:
    (spec,) = past.specs(1)
    past.attempt(spec, "PENDING", reason="JobHeldUser")
    text = attnctl("resume", "--dry-run").out
    assert "scontrol release" in text
    assert "nothing to resume" in text


def test_what_slurm_could_not_start_and_holds_is_to_be_released(past: Past, attnctl: Run) -> None:
    held, other = past.specs(2)
    past.attempt(held, "PENDING", reason="launch failed requeued held")
    past.attempt(other, "PENDING", reason="Resources")
    assert f"{held.id[:8]} release: SLURM could not start it, and holds it\n" in attnctl("resume", "--dry-run").out
    document = json.loads(attnctl("resume", "--dry-run", "--json").out)
    assert (document["held"], document["stuck"]) == ([held.id], {})
    assert json.loads(attnctl("resume", "--dry-run", "--state", "timeout", "--json").out)["held"] == []


def test_runs_that_were_never_reserved_are_named_with_their_command(past: Past, attnctl: Run) -> None:
    there, missing = past.specs(2)
    past.attempt(there, "PREEMPTED")
    past.sweep("half", [there, missing])
    result = attnctl("resume", "half", "--dry-run")
    assert "1 run of half was never submitted; type: attnctl sweep se" in result.err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["nowhere"], "no run or sweep is called 'nowhere'"),
        (["--state", "timout"], "did you mean 'timeout'"),
        (["--run-on", "mars"], "must be slurm or local"),
        (["--mem", "lots"], "no amount of memory"),
        (["--time", "soon"], "H:M:S"),
        (["--partition", "a b"], "partition"),
        (["--constraint", "a\nb"], "constraint"),
        (["--profile", "big"], "no profile 'big'"),
        (["--max-attempts", "0"], "max-attempts"),
        (["$(touch made)"], "no run"),
        (["../up", "-x"], "-x"),
        (["é" * 300], "no run"),
    ],
)
def test_bad_input_is_one_line_and_writes_nothing(past: Past, attnctl: Run, words: list[str], said: str) -> None:
    (spec,) = past.specs(1)
    past.attempt(spec, "PREEMPTED")
    attnctl("status")
    before = listing(past.root)
    result = attnctl("resume", *words)
    assert (result.code, result.out) == (2, "")
    assert said in result.err
    assert result.err.count("\n") == 1
    assert listing(past.root) == before


def test_a_run_with_a_broken_spec_is_named_and_stops_nothing(past: Past, attnctl: Run) -> None:
    good, broken = past.specs(2)
    past.attempt(good, "PREEMPTED")
    past.attempt(broken, "PREEMPTED")
    past.config.workspace.run(broken.id).spec.write_text("{")
    result = attnctl("resume", "--dry-run", "--json")
    assert [row["id"] for row in runs(result)] == [good.id]
    assert broken.id in json.loads(result.out)["broken"][0]
