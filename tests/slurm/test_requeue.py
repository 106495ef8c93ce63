"""Jobs of the real cluster that start themselves again: the same job, one incarnation later, from the checkpoint."""

import subprocess
import time

import pytest
from real_cluster import Cluster, slurm
from test_real_training import LONG, TINY, Specs, incarnation, started

from attnctl.records import Resources, read_events
from jobs.submit import Submitted

pytestmark = pytest.mark.slurm


def events(cluster: Cluster, done: Submitted, restart: int, kind: str) -> list[dict[str, object]]:
    path = cluster.attempt(done.tasks[0][0]).incarnation(restart).events
    return [event for event in read_events(path.read_bytes()) if event["kind"] == kind] if path.exists() else []


def until_trains_again(cluster: Cluster, done: Submitted, seconds: float = 120) -> list[dict[str, object]]:
    end = time.monotonic() + seconds
    while not (found := events(cluster, done, 1, "resumed")):
        assert time.monotonic() < end, cluster.logs(done)
        cluster.observe(done)
        assert cluster.states(done)[0] in {"running", "queued"}, cluster.verdicts(done)
        time.sleep(0.5)
    return found


def test_a_preempted_run_waits_and_goes_on_by_itself(cluster: Cluster, make_specs: Specs) -> None:
    resources = Resources(nodes=1, tasks_per_node=2, minutes=5)
    done = cluster.submit(make_specs(1, **LONG), resources, partition="low", extra={"nodelist": "node3"})
    started(cluster, done)
    command = ["--partition=high", "--nodelist=node3", "--exclusive", "--time=1", "--wrap=sleep 5"]
    urgent = slurm("sbatch", "--parsable", "--output=/dev/null", *command).strip()
    try:
        (resumed,) = until_trains_again(cluster, done)
    finally:
        subprocess.run(["scancel", urgent], check=False)
    exits = incarnation(cluster, done).exits()
    assert [item.outcome for item in exits] == ["preempted", "preempted"]
    assert [item.requeued for item in exits] == [True, False]
    assert resumed["step"] == exits[0].step > 0


def test_a_run_stops_before_its_time_limit_and_goes_on_by_itself(cluster: Cluster, make_specs: Specs) -> None:
    done = cluster.submit(make_specs(1, **LONG), Resources(minutes=1))
    (resumed,) = until_trains_again(cluster, done, 180)
    (ended,) = incarnation(cluster, done).exits()
    assert ended.outcome == "timeout"
    assert resumed["step"] == ended.step > 0


def test_a_run_that_is_told_by_term_alone_saves_and_goes_on(cluster: Cluster, make_specs: Specs) -> None:
    done = cluster.submit(make_specs(1, **TINY | {"epochs": "500"}))
    started(cluster, done)
    subprocess.run(["scancel", "--signal=TERM", f"{done.job_id}_0"], check=True)
    (resumed,) = until_trains_again(cluster, done)
    (ended,) = incarnation(cluster, done).exits()
    assert (ended.outcome, ended.requeued) == ("preempted", True)
    assert resumed["step"] == ended.step
