"""`attnctl feed`, and what the other commands do with runs that wait for a place in SLURM's queue."""

from __future__ import annotations

import dataclasses
import json
import time
from pathlib import Path
from typing import Any

import pytest

from attnctl.jobs.submission import waiting_list
from attnctl.jobs.submission.waiting_list import Postponed
from attnctl.workspace.records import Resources
from tests.attnctl.cli.cli_run import Run, listing
from tests.attnctl.cli.past_runs import Past
from tests.fixtures.fake_slurm import Fake

SWEEP = ["sweep", "se", "--seed", "0..4", "--epochs", "1", "--gpus-per-node", "0", "--time", "7", "--name", "s"]
FULL = "SLURM accepts no more jobs at the moment: QOSMaxSubmitJobPerUserLimit"


@pytest.fixture
def waiting(folder: Path, attnctl: Run, places: Path) -> Path:
    """A sweep of five runs, of which SLURM took three; the file says how many more it takes."""
    places.write_text("3")
    result = attnctl(*SWEEP)
    assert result.code == 0, result.err
    assert "waiting: 2 of" not in result.out
    assert f": {FULL}\n" in result.out
    assert "submitted: SLURM job 11\n" in result.out
    assert "jobs of this workspace submit them when they end" in result.out
    return places


def rows(attnctl: Run) -> list[dict[str, Any]]:
    return list(json.loads(attnctl("status", "s", "--json").out)["runs"])


def states(attnctl: Run) -> list[str]:
    return [row["state"] for row in rows(attnctl)]


def test_feed_submits_as_many_as_slurm_takes_and_says_what_waits(waiting: Path, attnctl: Run) -> None:
    assert states(attnctl) == ["queued"] * 3 + ["waiting"] * 2
    assert rows(attnctl)[4]["reason"] == FULL
    result = attnctl("feed")
    assert (result.code, result.out.splitlines()[0]) == (0, f"waiting: 2 runs: {FULL}")
    assert " feed\n" in result.out, "the line for cron"
    waiting.write_text("1")
    result = attnctl("feed", "--json")
    document = json.loads(result.out)
    assert [list(document["submitted"].values()), list(document["waiting"].values())] == [["12_0"], [FULL]]
    waiting.write_text("1")
    assert attnctl("feed").out == "submitted: 1 waiting run, SLURM job 13\n"
    assert attnctl("feed").out == "Nothing waits: all runs that were asked for have been submitted.\n"
    assert states(attnctl) == ["queued"] * 5


def test_watching_goes_on_until_all_are_submitted(waiting: Path, attnctl: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    slept: list[float] = []
    real = time.sleep

    def sleep(seconds: float) -> None:
        if seconds < 20:
            real(seconds)
        else:
            slept.append(seconds)
            waiting.write_text("1")

    monkeypatch.setattr(time, "sleep", sleep)
    result = attnctl("feed", "--watch")
    assert (result.code, len(slept)) == (0, 2)
    assert result.out.count("submitted: 1 waiting run") == 2


def test_without_an_answer_of_slurm_the_exit_code_is_1(waiting: Path, attnctl: Run, fake: Fake) -> None:
    fake.does("sbatch", "echo 'sbatch: error: Unable to contact slurm controller' >&2; exit 1")
    result = attnctl("feed")
    assert result.code == 1
    assert "waiting: 2 runs: SLURM does not answer" in result.out
    assert states(attnctl)[3:] == ["waiting"] * 2


def test_sweep_and_resume_submit_what_waits_first(waiting: Path, attnctl: Run) -> None:
    waiting.write_text("1")
    result = attnctl(*SWEEP)
    assert "submitted: 1 waiting run, SLURM job 12\n" in result.out
    assert "sweep s: 5 runs: 5 queued" in result.out
    waiting.write_text("1")
    result = attnctl("resume")
    assert result.out.startswith("submitted: 1 waiting run, SLURM job 13\n")
    assert states(attnctl) == ["queued"] * 5


def test_cancelled_runs_are_not_submitted_until_they_are_named(waiting: Path, attnctl: Run, fake: Fake) -> None:
    fake.says("scancel", "")
    ids = [row["id"] for row in rows(attnctl)]
    result = attnctl("cancel", ids[3], "--yes")
    assert (result.code, result.out) == (0, "cancelling 1 of 1 run\n")
    assert states(attnctl)[3:] == ["cancelled", "waiting"]
    waiting.write_text("9")
    result = attnctl("resume")
    assert "must be named" in result.out
    assert states(attnctl)[3:] == ["cancelled", "queued"]
    result = attnctl("resume", ids[3])
    assert "submitted: 1 run, SLURM job 13" in result.out
    assert states(attnctl) == ["queued"] * 5
    assert "#SBATCH --time=7\n" in (fake.folder / "script.13").read_text(), "as it was asked for"


def test_a_sweep_for_which_there_is_no_place_at_all_waits(folder: Path, attnctl: Run, places: Path) -> None:
    places.write_text("0")
    result = attnctl(*SWEEP, "--json")
    assert result.code == 0
    assert "5 runs wait to be submitted, but none of these runs has a job that does it: attnctl feed --watch" in (
        " ".join(attnctl("status").out.split())
    )
    runs = json.loads(result.out)["runs"]
    assert [(run["state"], run["waiting"], run["job_id"]) for run in runs] == [("waiting", FULL, None)] * 5
    places.write_text("5")
    assert attnctl("feed").out == "submitted: 5 waiting runs, SLURM job 11\n"


def test_resumed_runs_above_the_limit_wait_and_go_on_from_their_checkpoints(
    past: Past, attnctl: Run, places: Path
) -> None:
    specs = past.specs(3)
    for spec in specs:
        past.attempt(spec, "PREEMPTED", saved=(10,), minutes=9)
        past.checkpoint(spec, "10-1.0.pt")
    past.sweep("s", specs)
    places.write_text("1")
    result = attnctl("resume", "--json")
    assert [run["waiting"] for run in json.loads(result.out)["runs"]] == [None, FULL, FULL]
    assert states(attnctl) == ["queued", "waiting", "waiting"]
    places.write_text("2")
    assert "submitted: 2 waiting runs, SLURM job 12" in attnctl("feed").out
    assert states(attnctl) == ["queued"] * 3
    workspace = past.config.workspace
    assert [len(workspace.run(spec.id).attempts()) for spec in specs] == [2, 2, 2]


def test_a_dry_run_says_how_many_are_submitted_now(folder: Path, attnctl: Run, places: Path) -> None:
    places.write_text("3")
    words = " ".join(attnctl(*SWEEP, "--dry-run").out.split())
    assert "3 of 5 runs are submitted now, as many as SLURM takes; 2 wait" in words
    assert json.loads(attnctl(*SWEEP, "--dry-run", "--json").out)["submitted_now"] == 3
    places.write_text("0")
    words = " ".join(attnctl(*SWEEP, "--dry-run").out.split())
    assert f"0 of 5 runs are submitted now: {FULL}; all wait" in words
    places.write_text("5")
    assert "submitted now" not in attnctl(*SWEEP, "--dry-run").out
    assert listing(folder) == []


def test_a_removed_sweep_leaves_nothing_that_waits(waiting: Path, attnctl: Run, fake: Fake) -> None:
    result = attnctl("rm", "s", "--runs", "--yes")
    assert result.code == 2
    assert "active run" in result.err
    for row in rows(attnctl)[3:]:
        attnctl("cancel", row["id"], "--yes")
    assert attnctl("why", rows(attnctl)[3]["id"]).code == 0
    assert "cancelled by" in attnctl("why", rows(attnctl)[3]["id"]).out


def test_resume_submits_a_dependent_whose_own_job_put_it_off_though_slurm_still_shows_that_job(
    past: Past, attnctl: Run, places: Path
) -> None:
    base, spec = past.specs(2)
    dependent = dataclasses.replace(spec, init=f"run:{base.id}")
    past.attempt(base, "CANCELLED", saved=(10,))
    past.checkpoint(base, "10-1.0.pt")
    past.attempt(dependent, "RUNNING")
    past.sweep("s", [base, dependent])
    resources = Resources(minutes=9)
    postponed = Postponed(
        config=past.config, resources=resources, options={}, ended={dependent.id: 1}, reason="x", base=base.id
    )
    waiting_list.put_off(postponed, [dependent])
    assert states(attnctl) == ["cancelled", "base unfinished"]
    runs = json.loads(attnctl("resume", base.id, "--json").out)["runs"]
    assert {run["id"]: run["job_id"] for run in runs} == {base.id: "11_0", dependent.id: "12_0"}
    assert states(attnctl) == ["queued", "queued"]
