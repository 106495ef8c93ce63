"""Runs of the real cluster that share a job: what befalls one of them does not disturb the others."""

import dataclasses
import subprocess
from pathlib import Path

import pytest
import torch

from attnctl.jobs.packed.growth import SAMPLES, THRESHOLD
from attnctl.jobs.slurm.cancel import cancel
from attnctl.jobs.submission.submit import Submitted
from attnctl.lifecycle import packing
from attnctl.workspace.layout import Workspace
from attnctl.workspace.records import Request, Resources, read_events
from tests.slurm.real_cluster import Cluster, slurm, wait
from tests.slurm.test_real_training import LONG, TINY, Specs, started

pytestmark = pytest.mark.slurm


def step_of(cluster: Cluster, done: Submitted, task: int) -> str:
    """The step that trains a run."""
    rows = slurm("squeue", "-s", "-h", "-j", f"{done.job_id}_0", "-O", "StepID:40,StepName:40").splitlines()
    (step,) = [words[0] for row in rows if (words := row.split())[1] == done.tasks[task][0]]
    return step


def resumed(cluster: Cluster, done: Submitted, task: int) -> bool:
    """Whether a run goes on in the second start of its job."""
    events = cluster.attempt(done.tasks[task][0]).incarnation(1).events
    return events.exists() and any(item["kind"] == "resumed" for item in read_events(events.read_bytes()))


def test_runs_of_one_job_end_and_go_on_each_by_itself(cluster: Cluster, make_specs: Specs) -> None:
    options = {"partition": "low", "extra": {"nodelist": "node3"}, "mem": "1500M", "runs_per_gpu": 2, "parallel": 2}
    done = cluster.submit(make_specs(4, **LONG), Resources(minutes=30), **options)
    assert (done.runs_per_job, done.job_of(3)) == (2, f"{done.job_id}_1")
    started(cluster, done, 0)
    started(cluster, done, 1)
    assert cluster.until(done, lambda states: states.count("running") == 2)[2:] == ["queued"] * 2

    # One is killed: the run that would have started last takes its place.
    slurm("scancel", "--signal=KILL", step_of(cluster, done, 0))
    cluster.until(done, lambda states: states == ["killed", "running", "queued", "running"])
    started(cluster, done, 3)
    assert cluster.attempt(done.tasks[3][0]).owner.read_text() == f"{done.job_id}_0"

    # A waiting and a training one are cancelled; the last one goes on, with no other beside it.
    placed = cluster.placed(done)
    outcome = cancel(cluster.config.workspace, placed[1:3])
    assert (len(outcome.accepted), outcome.refused) == (2, {})
    cluster.until(done, lambda states: states == ["killed", "cancelled", "cancelled", "running"])
    saved = cluster.attempt(done.tasks[1][0]).incarnation(0).exits()
    assert [item.outcome for item in saved] == ["interrupted"]

    # The job is preempted: it starts again with that run alone.
    command = ["--partition=high", "--nodelist=node3", "--exclusive", "--time=1", "--wrap=sleep 5"]
    urgent = slurm("sbatch", "--parsable", "--output=/dev/null", *command).strip()
    try:
        wait(lambda: resumed(cluster, done, 3), lambda: cluster.logs(done))
    finally:
        subprocess.run(["scancel", urgent], check=False)
    cluster.until(done, lambda states: states == ["killed", "cancelled", "cancelled", "running"])
    (ended,) = cluster.attempt(done.tasks[3][0]).incarnation(0).exits()
    assert (ended.outcome, ended.requeued) == ("preempted", True)

    assert cancel(cluster.config.workspace, cluster.placed(done)[3:]).refused == {}
    cluster.until(done, lambda states: states == ["killed", "cancelled", "cancelled", "cancelled"])
    wait(lambda: not slurm("squeue", "-h", "-j", str(done.job_id), "-t", "R,CG").strip(), lambda: cluster.logs(done))


def test_a_run_that_exceeds_its_memory_leaves_the_others_alone(cluster: Cluster, make_specs: Specs) -> None:
    # Each has less than half of what the larger one needs; it and its neighbour have the same settings.
    small = make_specs(1, **TINY)
    large = make_specs(1, input_size="224", batch="1024", norm_batch="1024")
    done = cluster.submit([*small, *large], Resources(minutes=30), mem="1500M", runs_per_gpu=2)
    cluster.until(done, lambda states: states == ["completed", "out of memory"])
    assert "memory limit" in cluster.verdicts(done)[1].reason


def test_auto_starts_a_second_run_once_the_first_is_measured_and_keeps_what_it_gave(
    cluster: Cluster, make_specs: Specs
) -> None:
    specs = make_specs(3, **LONG)
    options = {"mem": "1500M", "runs_per_gpu": "auto", "parallel": 2, "partition": "low"}
    done = cluster.submit(specs, Resources(minutes=30), **options)
    workspace = cluster.config.workspace
    name = packing.key(specs[0], Resources())
    wait(lambda: packing.read(workspace, name) is not None, lambda: cluster.logs(done))
    found = packing.read(workspace, name)
    assert found is not None
    # What a second run gives is up to the machine; the decision is not.
    assert len(found.gains) == 1
    assert (found.number, found.asked) == (2 if found.gains[0] >= THRESHOLD else 1, 2)
    first, second = (
        list(read_events(cluster.attempt(done.tasks[k][0]).incarnation(0).events.read_bytes())) for k in (0, 1)
    )
    speeds = [item["t"] for item in first if "images_per_s" in {**item, **item.get("values", {})}]
    assert sum(at < second[0]["t"] for at in speeds) > SAMPLES, "the first was measured alone"
    request = Request.read(cluster.attempt(specs[0].id).request)
    assert request is not None
    assert packing.of_attempt(workspace, specs[0], request) == found
    assert cancel(workspace, cluster.placed(done)).refused == {}
    cluster.until(done, lambda states: states == ["cancelled"] * 3)


def final_weights(workspace: Workspace, run: str) -> dict[str, torch.Tensor]:
    newest = max(workspace.run(run).checkpoints.glob("*.pt"), key=lambda path: int(path.name.partition("-")[0]))
    found: dict[str, torch.Tensor] = torch.load(newest, weights_only=True)["network"]
    return found


@pytest.mark.storm
@pytest.mark.timeout(3600)
def test_24_runs_that_share_jobs_and_are_killed_and_resumed_equal_those_that_do_neither(
    cluster: Cluster, make_specs: Specs, tmp_path: Path
) -> None:
    specs = make_specs(24, epochs="3", **TINY)
    shared = {"mem": "1500M", "runs_per_gpu": 4, "parallel": 8}
    done = cluster.submit(specs, Resources(minutes=30), **shared)
    for task in range(4):
        started(cluster, done, task)
    slurm("scancel", "--signal=KILL", "--full", str(done.job_id))
    states = cluster.until(done, lambda states: not {"queued", "running"} & {*states}, 1800)
    again = cluster.submit(specs, Resources(minutes=30), **shared)
    assert len(again.tasks) == 24 - states.count("completed") > 0
    cluster.until(again, lambda states: {*states} == {"completed"}, 1800)

    alone = Cluster(dataclasses.replace(cluster.config, workspace=Workspace(tmp_path / "alone")))
    plain = alone.submit(specs, Resources(minutes=30), mem="1500M", parallel=8)
    alone.until(plain, lambda states: {*states} == {"completed"}, 1800)
    for spec in specs:
        ours, theirs = (final_weights(item.config.workspace, spec.id) for item in (cluster, alone))
        assert ours.keys() == theirs.keys()
        assert all(torch.equal(ours[name], theirs[name]) for name in ours), spec.id
