"""Trainings as jobs of a real SLURM."""

import dataclasses
import signal
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
import torch

from attnctl.jobs.doctor import compute_node
from attnctl.jobs.slurm.cancel import cancel
from attnctl.jobs.submission.submit import Submitted
from attnctl.settings.config import Config
from attnctl.spec import RunSpec
from attnctl.workspace.layout import Incarnation, Workspace
from attnctl.workspace.records import Resources, read_events
from tests.slurm.real_cluster import Cluster, wait

pytestmark = pytest.mark.slurm
Specs = Callable[..., list[RunSpec]]
TINY = {"input_size": "8"}
LONG = TINY | {"epochs": "500"}


def incarnation(cluster: Cluster, done: Submitted, task: int = 0) -> Incarnation:
    return cluster.attempt(done.tasks[task][0]).incarnation(0)


def started(cluster: Cluster, done: Submitted, task: int = 0) -> None:
    """Wait until the run trains: a short epoch ends before there is any progress to tell within it."""
    events = incarnation(cluster, done, task).events

    def trains() -> bool:
        kinds = {item["kind"] for item in read_events(events.read_bytes())} if events.exists() else set()
        return bool(kinds & {"progress", "metrics"})

    wait(trains, lambda: cluster.logs(done))


def ranks(done: Submitted) -> dict[int, psutil.Process]:
    """The processes of a job's ranks on this machine, which is all of the cluster's nodes."""
    found = {}
    for process in psutil.process_iter(["cmdline"]):
        words = process.info["cmdline"] or []
        if done.tag in words and "attnctl.jobs.worker" in words and "srun" not in words[0]:
            found[int(process.environ().get("SLURM_PROCID", "-1"))] = process
    return found


def test_a_sweep_is_trained_to_completion(cluster: Cluster, make_specs: Specs) -> None:
    done = cluster.submit(make_specs(3, **TINY), parallel=2)
    cluster.until(done, lambda states: states == ["completed"] * 3)
    for task in range(3):
        (metrics,) = [
            event
            for event in read_events(incarnation(cluster, done, task).events.read_bytes())
            if event["kind"] == "metrics"
        ]
        assert 0 < metrics["values"]["top1"] <= 100
        assert cluster.attempt(done.tasks[task][0]).owner.read_text() == f"{done.job_id}_{task}"
    again = cluster.submit(make_specs(3, **TINY))
    assert again.tasks == []
    assert set(again.skipped.values()) == {"completed"}


def weights(cluster: Cluster, done: Submitted) -> dict[str, torch.Tensor]:
    (path,) = cluster.config.workspace.run(done.tasks[0][0]).checkpoints.glob("*.pt")
    found: dict[str, torch.Tensor] = torch.load(path, weights_only=True)["network"]
    return found


def test_two_nodes_with_two_tasks_equal_one_process_in_float64(
    cluster: Cluster, make_specs: Specs, tmp_path: Path
) -> None:
    specs = make_specs(1, **TINY)
    setup = (f"export PYTHONPATH='{Path(__file__).parent / 'float64'}'",)
    single = Cluster(Config(workspace=Workspace(tmp_path / "single")))
    four = cluster.submit(specs, Resources(nodes=2, tasks_per_node=2, minutes=30), setup=setup)
    one = single.submit(specs, setup=setup)
    for world, done in ((cluster, four), (single, one)):
        world.until(done, lambda states: states == ["completed"])
    exits = incarnation(cluster, four).exits()
    hosts = [item.host for item in exits]
    assert hosts[0] == hosts[1] != hosts[2] == hosts[3]
    many, alone = weights(cluster, four), weights(single, one)
    assert many.keys() == alone.keys()
    for name, expected in alone.items():
        if expected.is_floating_point():
            assert expected.dtype == torch.float64
        torch.testing.assert_close(many[name], expected, rtol=1e-9, atol=1e-11)


def test_a_killed_task_is_attributed_to_the_rank_that_died(cluster: Cluster, make_specs: Specs) -> None:
    done = cluster.submit(make_specs(1, **LONG), Resources(nodes=2, tasks_per_node=1, minutes=30))
    started(cluster, done)
    ranks(done)[1].send_signal(signal.SIGKILL)
    cluster.until(done, lambda states: states == ["killed"])
    (verdict,) = cluster.verdicts(done)
    assert verdict.reason == "rank 1 ended without a word: killed?"
    assert not ranks(done)


def test_cancel_ends_only_the_named_running_and_pending_runs(cluster: Cluster, make_specs: Specs) -> None:
    done = cluster.submit(make_specs(3, **LONG), parallel=1)
    started(cluster, done)
    cluster.until(done, lambda states: states == ["running", "queued", "queued"])
    assert not cancel(cluster.config.workspace, cluster.placed(done)[:2]).refused
    cluster.until(done, lambda states: states == ["cancelled", "cancelled", "running"])
    assert [verdict.reason[:13] for verdict in cluster.verdicts(done)[:2]] == ["cancelled by "] * 2
    assert [item.outcome for item in incarnation(cluster, done).exits()] == ["interrupted"]
    again = cluster.submit(make_specs(3, **LONG), extra={"hold": "true"})
    assert again.tasks == [(run, 2) for run, _ in done.tasks[:2]]


def test_a_second_attempt_resumes_from_the_checkpoint(cluster: Cluster, make_specs: Specs) -> None:
    specs = make_specs(1, **TINY | {"epochs": "40"})
    first = cluster.submit(specs)
    started(cluster, first)
    cancel(cluster.config.workspace, cluster.placed(first))
    cluster.until(first, lambda states: states == ["cancelled"])
    second = cluster.submit(specs)
    assert second.tasks == [(specs[0].id, 2)]
    cluster.until(second, lambda states: states == ["completed"])
    resumed = [
        event for event in read_events(incarnation(cluster, second).events.read_bytes()) if event["kind"] == "resumed"
    ]
    assert resumed[0]["step"] > 0


def test_the_doctors_job_checks_the_nodes_and_an_all_reduce(cluster: Cluster) -> None:
    said: list[str] = []
    resources = Resources(nodes=2, tasks_per_node=1)
    rows = {
        row.name: row for row in compute_node.run_job(cluster.config, cluster.config.slurm, resources, 90, said.append)
    }
    assert rows["all-reduce"].ok
    assert rows["all-reduce"].message.startswith("gloo works over 2 ranks")
    nodes = sorted(name.partition(":")[0] for name in rows if name.endswith(": torch"))
    assert len(nodes) == 2
    assert all(rows[f"{node}: {name}"].ok for node in nodes for name in ("torch", "workspace", "exclusive creation"))
    assert any("RUNNING" in words for words in said)
    assert not list(cluster.config.workspace.submissions.iterdir())


def test_the_doctor_describes_this_cluster(cluster: Cluster) -> None:
    names = {row.name: row for row in compute_node.check_all(cluster.config)}
    assert names["SLURM"].ok
    assert names["accounting"].ok
    assert names["partition"].message.startswith("main: 4 nodes")
    (wrong,) = [
        row
        for row in compute_node.check_all(
            dataclasses.replace(cluster.config, slurm=dataclasses.replace(cluster.config.slurm, partition="nope"))
        )
        if row.name == "partition"
    ]
    assert wrong.ok is False
    assert "main, low, high, short" in wrong.fix
