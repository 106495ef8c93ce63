"""`attnctl resume`: consent, bad input, and a real run that goes on."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from attnctl.workspace.records import read_events
from tests.attnctl.cli.cli_run import Run, listing
from tests.attnctl.cli.past_runs import Past
from tests.attnctl.cli.resumed import runs
from tests.fixtures.fake_slurm import Fake

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


def test_a_failed_run_resumes_from_its_checkpoint_with_force(
    folder: Path, attnctl: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GATE_MENDED", str(folder / "mended"))
    (folder / "gate.py").write_text(GATE)
    small = ["--epochs", "3", "--batch", "128", "--norm-batch", "64", "--input-size", "8"]
    failed = attnctl("sweep", "./gate.py:Gate", *small, "--name", "gates", "--json")
    assert failed.code == 1
    (run,) = json.loads(failed.out)["runs"]
    (before,) = runs(attnctl("resume", "--json"))
    assert (before["action"], before["tag"]) == ("needs --force", None)
    assert before["checkpoint"] > 0

    (folder / "mended").touch()
    (resumed,) = runs(attnctl("resume", "gates", "--force", "--json"))
    assert resumed["job_id"]
    attempt = folder / "runs" / run["id"] / "attempts" / "2" / "0" / "events.jsonl"
    steps = [event["step"] for event in read_events(attempt.read_bytes()) if event["kind"] == "resumed"]
    assert steps == [before["checkpoint"]]
    assert json.loads(attnctl("status", "--json").out)["runs"][0]["state"] == "completed"
    assert "Nothing to resume: no interrupted or failed runs among 1 run." in attnctl("resume").out


def test_a_run_without_its_checkpoint_needs_consent(past: Past, attnctl: Run) -> None:
    (spec,) = past.specs(1)
    past.attempt(spec, "PREEMPTED", saved=(10, 30))
    before = listing(past.root / "runs")
    result = attnctl("resume", "--json")
    (row,) = runs(result)
    assert (row["checkpoint"], row["checkpoint_gone"], row["consent"], row["starts"]) == (None, 30, True, False)
    assert row["seconds_left"] == pytest.approx(40)
    assert "add --yes to start over" in result.err
    assert listing(past.root / "runs") == before
    (agreed,) = runs(attnctl("resume", "--yes", "--dry-run", "--json"))
    assert agreed["starts"]
    assert "needs confirmation: its checkpoint of step 30 is gone" in attnctl("resume", "--dry-run").out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["nowhere"], "no run or sweep is called 'nowhere'"),
        (["--state", "timout"], "did you mean 'timeout'"),
        (["--run-on", "mars"], "must be one of"),
        (["--mem", "lots"], "is not a memory size"),
        (["--time", "soon"], "HH:MM:SS"),
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


def test_the_exit_code_says_that_slurm_could_not_be_asked(past: Past, attnctl: Run, fake: Fake) -> None:
    (spec,) = past.specs(1)
    past.attempt(spec, "RUNNING")
    fake.does("squeue", "echo 'Unable to contact slurm controller' >&2; exit 1")
    for words in (("resume",), ("resume", "--json"), ("resume", "--dry-run")):
        assert attnctl(*words).code == 1
    fake.says("squeue", f"7_0|RUNNING|node1|None|attnctl-{spec.id}-1\n")
    assert attnctl("resume").code == 0


def test_an_unconfirmed_run_is_only_resumed_by_force(past: Past, attnctl: Run, fake: Fake) -> None:
    (spec,) = past.specs(1)
    past.attempt(spec, "RUNNING")
    fake.says("squeue", "7_0|RUNNING|node1|None|renamed\n")
    result = attnctl("resume", "--dry-run")
    assert (result.code, "needs --force: its job may still run" in " ".join(result.out.split())) == (0, True)
    (row,) = runs(attnctl("resume", "--dry-run", "--json", "--state", "unconfirmed"))
    assert (row["state"], row["starts"]) == ("unconfirmed", False)
    (row,) = runs(attnctl("resume", spec.id, "--dry-run", "--json"))
    assert not row["starts"]
    (row,) = runs(attnctl("resume", "--force", "--dry-run", "--json"))
    assert row["starts"]
    fake.does("sbatch", "cat > /dev/null; echo 78")
    fake.says("sinfo", "4|infinite|(null)|main*\n")
    (started,) = runs(attnctl("resume", "--force", "--json"))
    assert started["job_id"] == "78_0"
    assert len(past.config.workspace.run(spec.id).attempts()) == 2


@pytest.mark.parametrize("words", [("--dry-run",), ()])
def test_a_partition_that_the_cluster_does_not_have_is_refused(
    past: Past, attnctl: Run, fake: Fake, words: tuple[str, ...]
) -> None:
    (spec,) = past.specs(1)
    past.attempt(spec, "PREEMPTED")
    fake.does("sbatch", "cat > /dev/null; echo 'sbatch: error: invalid partition specified' >&2; exit 1")
    fake.says("sinfo", "4|infinite|(null)|main*\n")
    result = attnctl("resume", "--partition", "maim", *words)
    assert result.code == 2
    assert "no partition maim on this cluster; partitions: main; did you mean 'main'?" in " ".join(result.err.split())
    assert all("--test-only" in call for call in fake.calls("sbatch"))


def test_only_runs_that_meet_the_options_are_resumed(past: Past, attnctl: Run) -> None:
    first, second = past.specs(2)
    for spec in (first, second):
        past.attempt(spec, "PREEMPTED", saved=(10,))
    past.sweep("both", [first, second])
    attnctl("tag", first.id, "rerun")
    (row,) = runs(attnctl("resume", "both", "--tag", "rerun", "--dry-run", "--json"))
    assert row["id"] == first.id
    assert "never submitted" not in attnctl("resume", "both", "--tag", "rerun", "--dry-run").out
    assert "no run with tag 'reru'; did you mean 'rerun'?" in attnctl("resume", "--tag", "reru", "--dry-run").err
