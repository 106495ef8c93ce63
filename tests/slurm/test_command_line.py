"""The same command line as everywhere, on the real SLURM."""

import json
import time
from collections.abc import Callable

import pytest

from attnctl.cli import main
from tests.slurm.real_cluster import Cluster

SMALL = ["--epochs", "1", "--batch", "128", "--norm-batch", "32", "--input-size", "8"]
LONG = ["--epochs", "30", *SMALL[2:]]
"""A run that still trains while the next commands are typed."""

CPUS = ["--gpus-per-node", "0", "--time", "5"]


@pytest.fixture
def attnctl(cluster: Cluster, capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """Calls the command line in the cluster's workspace; gives what it printed."""
    cluster.config.workspace.root.mkdir()

    def run(*words: str) -> str:
        assert main(["--workspace", str(cluster.config.workspace.root), *words]) == 0
        return capsys.readouterr().out

    return run


def test_a_run_starts_only_from_the_weights_of_a_completed_run(
    cluster: Cluster, attnctl: Callable[..., str], capsys: pytest.CaptureFixture[str]
) -> None:
    (plain,) = json.loads(attnctl("sweep", "none", *LONG, *CPUS, "--json"))["runs"]
    workspace = ["--workspace", str(cluster.config.workspace.root)]
    sweep = ["sweep", "se", "--init", plain["id"], *SMALL]
    assert main([*workspace, *sweep, "--run-on", "local"]) == 2
    words = capsys.readouterr().err
    assert f"--init: run {plain['id']} (" in words
    assert f"not completed; wait for it (attnctl status {plain['id']} --watch), then sweep again" in words
    assert main([*workspace, *sweep, *CPUS, "--dry-run"]) == 0
    assert f"#SBATCH --dependency=singleton,afterany:{plain['job_id']}\n" in capsys.readouterr().out
    assert main([*workspace, *sweep, *CPUS]) == 0
    assert f"they start when run {plain['id']} is completed, which is " in capsys.readouterr().out
    attnctl("sweep", "none", *LONG, *CPUS, "--json", "--wait")
    (started,) = json.loads(attnctl("sweep", "se", "--init", plain["id"], *SMALL, *CPUS, "--json", "--wait"))["runs"]
    states = {row["id"]: row["state"] for row in json.loads(attnctl("status", "--json"))["runs"]}
    assert states == {plain["id"]: "completed", started["id"]: "completed"}


def test_a_sweep_is_submitted_followed_and_reported(attnctl: Callable[..., str]) -> None:
    started = time.monotonic()
    sweep = ["sweep", "none,ela", "--kernel", "5", "--name", "first", *SMALL, *CPUS]
    runs = json.loads(attnctl(*sweep, "--json"))["runs"]
    assert time.monotonic() - started < 10, "submitting returns at once"
    assert [(run["label"].split()[0], run["action"]) for run in runs] == [("none", "new"), ("ela", "new")]
    assert {run["job_id"].partition("_")[2] for run in runs} == {"0", "1"}

    again = json.loads(attnctl(*sweep, "--wait", "--json"))["runs"]
    assert {run["action"] for run in again} == {"queued"}
    rows = json.loads(attnctl("status", "first", "--json"))["runs"]
    assert [(row["id"], row["state"]) for row in rows] == [(run["id"], "completed") for run in runs]
    assert "completed at step" in attnctl("logs", runs[0]["id"])
    report = attnctl("report", "first", "--format", "markdown")
    assert "ResNet-20" in report
    assert "ELA" in report
