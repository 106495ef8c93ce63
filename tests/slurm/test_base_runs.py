"""Runs that start from another run's weights wait until that run is completed, however it continues."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from attnctl.cli import main
from attnctl.jobs.slurm.commands import NO_ANSWER
from attnctl.workspace import submissions
from attnctl.workspace.layout import Incarnation, RunDir, Workspace
from attnctl.workspace.records import Exit, Request, WaitingRun, read_events
from tests.fixtures.trusted_settings import write_trusted
from tests.slurm.real_cluster import Cluster, wait
from tests.slurm.second_cluster import second_cluster

pytestmark = pytest.mark.slurm

SMALL = ["--batch", "128", "--norm-batch", "32", "--input-size", "8"]
BASE = ["sweep", "none", "--epochs", "10", *SMALL]
LONGER = ["sweep", "none", "--epochs", "40", *SMALL]
NEXT = ["sweep", "se", "--epochs", "2", *SMALL]
SETTINGS = """[slurm]
gpus_per_node = 0
time = "30"
[slurm.profiles.continued.extra]
no-requeue = "true"
"""
Command = Callable[..., Any]


@pytest.fixture
def attnctl(cluster: Cluster, capsys: pytest.CaptureFixture[str]) -> Command:
    """Calls the command line in the cluster's workspace; returns the JSON that it printed."""
    root = cluster.config.workspace.root
    root.mkdir()
    (root / "attnctl.toml").write_text(SETTINGS)

    def run(*words: str) -> Any:
        assert main(["--workspace", str(root), *words, "--json"]) == 0, capsys.readouterr().err
        return json.loads(capsys.readouterr().out)

    return run


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, dict[str, float]]:
    """The id and the last metrics of the second run, where nothing interrupts the first."""
    return train_undisturbed(tmp_path_factory.mktemp("undisturbed"), BASE)


def train_undisturbed(root: Path, base: list[str]) -> tuple[str, dict[str, float]]:
    """Train a base, and the run that starts from it, on this machine."""

    def sweep(*words: str) -> str:
        command = [sys.executable, "-P", "-m", "attnctl", "--workspace", str(root), *words, "--run-on", "local"]
        document = json.loads(subprocess.run([*command, "--json"], check=True, capture_output=True).stdout)
        return str(document["runs"][0]["id"])

    run = sweep(*NEXT, "--init", sweep(*base))
    return run, metrics(Workspace(root).run(run))


def starts(run: RunDir) -> list[Incarnation]:
    return [item for attempt in run.attempts() for item in attempt.incarnations()]


def events(run: RunDir, kind: str) -> list[dict[str, Any]]:
    files = [item.events for item in starts(run) if item.events.exists()]
    return [event for path in files for event in read_events(path.read_bytes()) if event["kind"] == kind]


def metrics(run: RunDir) -> dict[str, float]:
    values: dict[str, float] = events(run, "metrics")[-1]["values"]
    return {name: value for name, value in values.items() if name != "images_per_s"}


def rows(attnctl: Command) -> dict[str, dict[str, Any]]:
    return {row["id"]: row for row in attnctl("status")["runs"]}


def waiting_reason(run: RunDir) -> str:
    record = WaitingRun.read(Workspace(run.path.parents[1]).waiting(run.id))
    return record.reason if record is not None else ""


@pytest.mark.parametrize("how", ["requeue", "continuation", "resume"])
def test_a_run_starts_after_its_base_is_completed_however_the_base_continues(
    how: str, cluster: Cluster, attnctl: Command, undisturbed: tuple[str, dict[str, float]]
) -> None:
    expected, results = undisturbed
    (first,) = attnctl(*BASE, *(["--profile", "continued"] if how == "continuation" else []))["runs"]
    workspace = cluster.config.workspace
    base = workspace.run(first["id"])
    (second,) = attnctl(*NEXT, "--init", base.id)["runs"]
    assert (second["id"], second["action"]) == (expected, "new")
    run = workspace.run(second["id"])
    wait(lambda: events(base, "metrics"), lambda: rows(attnctl))
    row = rows(attnctl)[run.id]
    assert (row["state"], row["reason"]) == ("queued", f"waits for run {base.id}, whose weights it starts from")
    if how == "resume":
        attnctl("cancel", base.id, "--yes")
        wait(lambda: rows(attnctl)[run.id]["state"] == "base unfinished", lambda: rows(attnctl))
        reason = f"run {base.id}, whose weights it starts from, is cancelled, not completed"
        assert rows(attnctl)[run.id]["reason"] == reason
        plan = {item["id"]: item for item in attnctl("resume", base.id)["runs"]}
        assert [plan[name]["starts"] for name in (base.id, run.id)] == [True, True]
        assert rows(attnctl)[run.id]["reason"] == f"waits for run {base.id}, whose weights it starts from"
    else:
        subprocess.run(["scancel", "--signal=TERM", first["job_id"]], check=True)
    if how == "continuation":  # the base's first job has ended, and the run gives itself back behind the second
        wait(lambda: starts(run), lambda: rows(attnctl))
        wait(lambda: rows(attnctl)[run.id]["state"] == "queued", lambda: rows(attnctl))
        job = base.attempt(2).owner.read_text() if base.attempt(2).owner.exists() else ""
        reason = rows(attnctl)[run.id]["reason"]
        assert reason.startswith(f"waits: run {base.id}, whose weights it starts from, is "), reason
        assert job in reason
    wait(lambda: run.completed, lambda: rows(attnctl))
    (initialised,) = events(run, "initialised")
    ended = Exit.read(starts(base)[-1].exit(0))
    assert ended is not None
    assert (ended.outcome, len(starts(base)) > 1) == ("completed", True)
    assert initialised["t"] > ended.at
    assert metrics(run) == results
    assert {row["state"] for row in rows(attnctl).values()} == {"completed"}


def test_a_run_on_another_cluster_than_its_base_is_submitted_when_that_is_completed(
    cluster: Cluster, attnctl: Command, slurm_conf: str, tmp_path: Path
) -> None:
    """Also if the other cluster does not answer at first when the base ends."""
    with second_cluster(Path(slurm_conf), tmp_path / "second") as name:
        settings = f'{SETTINGS}[slurm.profiles.there]\nclusters = "{name}"\npartition = "main"\n'
        write_trusted(cluster.config.workspace.root, settings)
        (first,) = attnctl(*BASE)["runs"]
        chosen = [*NEXT, "--init", first["id"], "--profile", "there"]
        plan = attnctl(*chosen, "--dry-run")
        assert (plan["submitted_now"], "afterany" in plan["scripts"][0]) == (0, False)
        (second,) = attnctl(*chosen)["runs"]
        row = rows(attnctl)[second["id"]]
        assert row["state"] == "waiting"
        assert row["reason"].startswith(f"for run {first['id']}, whose weights it starts from, which is ")
        base, run = (cluster.config.workspace.run(item["id"]) for item in (first, second))
        controller = int((tmp_path / "second/slurmctld.pid").read_text())
        os.kill(controller, signal.SIGSTOP)
        try:
            wait(lambda: NO_ANSWER in waiting_reason(run), lambda: rows(attnctl))
        finally:
            os.kill(controller, signal.SIGCONT)
        wait(lambda: run.completed, lambda: rows(attnctl))
        request = Request.read(run.attempts()[-1].request)
        assert request is not None
        head = submissions.head(cluster.config.workspace.submission(request.tag))
        assert head is not None
        assert head.cluster == name
        ended = Exit.read(starts(base)[-1].exit(0))
        assert ended is not None
        assert events(run, "initialised")[0]["t"] > ended.at


@pytest.mark.storm
def test_a_base_that_its_time_limit_cuts_is_waited_for(cluster: Cluster, attnctl: Command, tmp_path: Path) -> None:
    expected, results = train_undisturbed(tmp_path / "undisturbed", LONGER)
    (first,) = attnctl(*LONGER, "--time", "2", "--profile", "continued")["runs"]
    (second,) = attnctl(*NEXT, "--init", first["id"])["runs"]
    assert second["id"] == expected
    base, run = (cluster.config.workspace.run(item["id"]) for item in (first, second))
    wait(lambda: run.completed, lambda: rows(attnctl), seconds=500)
    ended = [Exit.read(item.exit(0)) for item in starts(base)]
    outcomes = [item.outcome for item in ended if item is not None]
    assert (set(outcomes[:-1]), outcomes[-1]) == ({"timeout"}, "completed")
    assert metrics(run) == results


CHAIN = """
name = "Mine"
title = "A chain"
[tables.1]
caption = "Classifiers"
dataset = "digits"
backbone = "resnet20"
train = { epochs = 12, batch = 128, norm_batch = 32, input_size = 8 }
[[tables.1.columns]]
key = "top1"
metric = "top1"
[[tables.1.rows]]
row = "plain"
top1 = "90"
[tables.2]
caption = "Classifiers that start from those of table 1"
dataset = "digits"
backbone = "resnet20"
init = "mine:1/plain"
train = { epochs = 2, batch = 128, norm_batch = 32, input_size = 8 }
[[tables.2.columns]]
key = "top1"
metric = "top1"
[[tables.2.rows]]
row = "+SE"
module = "se"
top1 = "91"
"""


def test_the_base_of_a_row_is_trained_first_also_if_it_is_killed_and_resumed(
    cluster: Cluster, attnctl: Command, tmp_path: Path
) -> None:
    (tmp_path / "mine.toml").write_text(CHAIN)
    table = ("--table", f"{tmp_path / 'mine.toml'}:2")
    assert main(["--workspace", str(cluster.config.workspace.root), "sweep", *table]) == 2, "the base is missing"
    first, second = attnctl("sweep", *table, "--with-bases")["runs"]
    base, run = (cluster.config.workspace.run(item["id"]) for item in (first, second))
    assert run.read_spec().base == base.id
    wait(lambda: events(base, "metrics"), lambda: rows(attnctl))
    row = rows(attnctl)[run.id]
    assert (row["state"], row["reason"]) == ("queued", f"waits for run {base.id}, whose weights it starts from")
    subprocess.run(["scancel", first["job_id"]], check=True)
    wait(lambda: rows(attnctl)[run.id]["state"] == "base unfinished", lambda: rows(attnctl))
    assert not events(run, "initialised"), "it does not start from an unfinished base"
    attnctl("resume", base.id)
    wait(lambda: run.completed, lambda: rows(attnctl), seconds=500)
    (initialised,) = events(run, "initialised")
    ended = Exit.read(starts(base)[-1].exit(0))
    assert ended is not None
    assert (ended.outcome, initialised["source"]) == ("completed", f"run:{base.id}")
    assert initialised["t"] > ended.at
    again = attnctl("sweep", *table)["runs"]
    assert [item["action"] for item in again] == ["done"]
