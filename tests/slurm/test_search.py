"""Searches in rounds on the real cluster: jobs choose and submit the next trainings, and no command is typed twice."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from attnctl.cli import main, sweep_records
from attnctl.workspace import waiting_searches
from attnctl.workspace.layout import Workspace
from tests.slurm.real_cluster import Cluster, slurm, wait
from tests.slurm.test_base_runs import events, starts

pytestmark = [pytest.mark.slurm, pytest.mark.timeout(1500)]

SMALL = ["--batch", "128", "--norm-batch", "32", "--input-size", "8", "--gpus-per-node", "0", "--parallel", "2"]
SWEEP = ["sweep", "se", "--lr", "log:1e-3..1e-1", *SMALL, "--name", "tuned"]
Command = Callable[..., Any]


@pytest.fixture
def attnctl(cluster: Cluster, capsys: pytest.CaptureFixture[str]) -> Command:
    """Calls the command line; returns the JSON that it printed."""

    def run(*words: str, code: int = 0) -> Any:
        assert main(["--workspace", str(cluster.config.workspace.root), *words, "--json"]) == code, capsys.readouterr()
        return json.loads(capsys.readouterr().out)

    return run


def runs_of(workspace: Workspace) -> list[str]:
    return sweep_records.read(workspace, "tuned").runs


def completed(workspace: Workspace) -> list[str]:
    return [run for run in runs_of(workspace) if workspace.run(run).completed]


def told(workspace: Workspace) -> str:
    """What the jobs and SLURM say."""
    logs = [path.read_text(errors="replace")[-1500:] for path in sorted(workspace.submissions.rglob("*_log.out"))]
    logs += [path.read_text(errors="replace")[-1500:] for path in workspace.runs.rglob("log.0.txt")]
    return "\n".join([*logs, slurm("squeue", "-r")])


def trained_once(workspace: Workspace) -> bool:
    """Whether one attempt and one start alone trained each run, and its steps once."""
    for run in map(workspace.run, runs_of(workspace)):
        steps = [event["step"] for event in events(run, "metrics")]
        if len(run.attempts()) != 1 or len(starts(run)) != 1 or steps != sorted(set(steps)):
            return False
    return True


def test_a_bayesian_search_of_two_rounds_ends_by_itself(cluster: Cluster, attnctl: Command) -> None:
    """The settings are changed meanwhile to what cannot be read; the second round has those of the first."""
    pytest.importorskip("optuna")
    workspace = cluster.config.workspace
    workspace.root.mkdir()
    (workspace.root / "attnctl.toml").write_text("[slurm]\n")
    words = [*SWEEP, "--epochs", "1", "--samples", "6", "--search", "bayes"]
    assert len(attnctl(*words)["runs"]) == 5
    (workspace.root / "attnctl.toml").write_text("[slurm]\npartiton = 1\n")
    wait(lambda: len(completed(workspace)) == 6, lambda: told(workspace), seconds=500)
    assert trained_once(workspace)
    wait(lambda: not waiting_searches.own(workspace), lambda: told(workspace))
    (workspace.root / "attnctl.toml").write_text("")
    assert {run["action"] for run in attnctl(*words)["runs"]} == {"done"}, "typed again it chooses the same"
    assert len(workspace.run_ids()) == 6


def test_a_halving_of_two_rungs_goes_on_after_a_killed_job_was_resumed(cluster: Cluster, attnctl: Command) -> None:
    workspace = cluster.config.workspace
    words = [*SWEEP, "--epochs", "2", "--samples", "4", "--halving", "2"]
    victim = attnctl(*words)["runs"][0]
    wait(lambda: starts(workspace.run(victim["id"])), lambda: told(workspace))
    slurm("scancel", "--signal=KILL", "--full", victim["job_id"])
    wait(lambda: len(completed(workspace)) == 3, lambda: told(workspace), seconds=400)
    assert len(runs_of(workspace)) == 4, "the rung has not ended"
    attnctl("resume", "tuned", "--force")
    wait(lambda: len(completed(workspace)) == 6, lambda: told(workspace), seconds=400)
    lengths = [workspace.run(run).read_spec().recipe.epochs for run in runs_of(workspace)]
    assert lengths == [1] * 4 + [2] * 2
    assert {run for run in runs_of(workspace) if len(workspace.run(run).attempts()) > 1} <= {victim["id"]}


def test_with_asha_a_sample_goes_on_while_another_has_not_begun(cluster: Cluster, attnctl: Command) -> None:
    workspace = cluster.config.workspace
    words = [*SWEEP, "--epochs", "2", "--samples", "4", "--halving", "2", "--asha"]
    held = attnctl(*words)["runs"][3]
    slurm("scontrol", "hold", held["job_id"])
    wait(lambda: len(completed(workspace)) == 4, lambda: told(workspace), seconds=400)
    assert not workspace.run(held["id"]).completed
    slurm("scontrol", "release", held["job_id"])
    wait(lambda: len(completed(workspace)) == 6, lambda: told(workspace), seconds=400)
    lengths = [workspace.run(run).read_spec().recipe.epochs for run in runs_of(workspace)]
    assert lengths == [1] * 4 + [2] * 2
    assert trained_once(workspace)
