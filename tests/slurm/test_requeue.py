"""Jobs of the real cluster that start themselves again: the same job, one incarnation later, from the checkpoint."""

import dataclasses
import shutil
import subprocess
from collections.abc import Iterator

import pytest

from attnctl.cli import main
from attnctl.jobs.submission.submit import Submitted
from attnctl.workspace.records import Resources, read_events
from tests.fixtures.trusted_settings import write_trusted
from tests.slurm.real_cluster import Cluster, slurm, wait
from tests.slurm.test_real_training import LONG, TINY, Specs, incarnation, started

pytestmark = pytest.mark.slurm


def events(cluster: Cluster, done: Submitted, restart: int, kind: str) -> list[dict[str, object]]:
    path = cluster.attempt(done.tasks[0][0]).incarnation(restart).events
    return [event for event in read_events(path.read_bytes()) if event["kind"] == kind] if path.exists() else []


def until_trains_again(cluster: Cluster, done: Submitted) -> list[dict[str, object]]:
    """What the job's second start says of the checkpoint that it goes on from."""

    def again() -> bool:
        cluster.observe(done)
        assert cluster.states(done)[0] in {"running", "queued"}, cluster.verdicts(done)
        return bool(events(cluster, done, 1, "resumed"))

    wait(again, lambda: cluster.logs(done))
    return events(cluster, done, 1, "resumed")


def test_a_preempted_run_is_requeued_and_resumes_by_itself(cluster: Cluster, make_specs: Specs) -> None:
    resources = Resources(nodes=1, tasks_per_node=2, minutes=30)
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


@pytest.fixture
def cancelling_partition(cluster: Cluster) -> Iterator[None]:
    """The partition `low` cancels the jobs that are preempted there, instead of requeueing them."""
    slurm("scontrol", "update", "partitionname=low", "preemptmode=cancel")
    yield
    slurm("scontrol", "update", "partitionname=low", "preemptmode=requeue")


@pytest.mark.usefixtures("cancelling_partition")
def test_a_run_that_is_preempted_by_cancelling_requeues_itself(cluster: Cluster, make_specs: Specs) -> None:
    options = {"partition": "low", "extra": {"nodelist": "node3"}}
    done = cluster.submit(make_specs(1, **LONG), Resources(minutes=30), **options)
    assert done.starts_again
    started(cluster, done)
    command = ["--partition=high", "--nodelist=node3", "--exclusive", "--time=1", "--wrap=sleep 5"]
    urgent = slurm("sbatch", "--parsable", "--output=/dev/null", *command).strip()
    try:
        (resumed,) = until_trains_again(cluster, done)
    finally:
        subprocess.run(["scancel", urgent], check=False)
    (ended,) = incarnation(cluster, done).exits()
    assert (ended.outcome, ended.requeued) == ("preempted", True)
    assert resumed["step"] == ended.step > 0


@pytest.mark.storm
def test_a_run_stops_before_its_time_limit_and_resumes_by_itself(cluster: Cluster, make_specs: Specs) -> None:
    done = cluster.submit(make_specs(1, **LONG), Resources(minutes=3))  # of which a start may need one
    (resumed,) = until_trains_again(cluster, done)
    (ended,) = incarnation(cluster, done).exits()
    assert ended.outcome == "timeout"
    assert resumed["step"] == ended.step > 0


def test_a_run_that_receives_only_sigterm_saves_and_resumes(cluster: Cluster, make_specs: Specs) -> None:
    done = cluster.submit(make_specs(1, **TINY | {"epochs": "500"}))
    started(cluster, done)
    subprocess.run(["scancel", "--signal=TERM", f"{done.job_id}_0"], check=True)
    (resumed,) = until_trains_again(cluster, done)
    (ended,) = incarnation(cluster, done).exits()
    assert (ended.outcome, ended.requeued) == ("preempted", True)
    assert resumed["step"] == ended.step


@pytest.mark.parametrize("requeue", [True, False])
def test_a_run_cancelled_with_scancel_stays_cancelled(cluster: Cluster, make_specs: Specs, requeue: bool) -> None:
    cluster = cluster if requeue else forbid_requeue(cluster)
    done = cluster.submit(make_specs(1, **LONG))
    assert done.starts_again == requeue
    started(cluster, done)
    slurm("scancel", f"{done.job_id}_0")
    command = ["squeue", "-h", "-j", str(done.job_id), "-o", "%T"]
    wait(lambda: not slurm(*command).strip(), lambda: cluster.logs(done))
    assert cluster.observe(done) is None
    assert cluster.states(done) == ["cancelled"]
    (ended,) = incarnation(cluster, done).exits()
    assert (ended.outcome, ended.requeued) == ("preempted", False)
    assert len(cluster.config.workspace.run(done.tasks[0][0]).attempts()) == 1


def forbid_requeue(cluster: Cluster, *setup: str) -> Cluster:
    """The same workspace with settings, which a job reads too."""
    root = cluster.config.workspace.root
    root.mkdir()
    lines = ["[slurm]", f"setup = {list(setup)}", "[slurm.extra]", 'no-requeue = "true"']
    return dataclasses.replace(cluster, config=write_trusted(root, "\n".join(lines)))


def interrupt(cluster: Cluster, done: Submitted) -> None:
    started(cluster, done)
    subprocess.run(["scancel", "--signal=TERM", f"{done.job_id}_0"], check=True)


def test_a_job_that_is_not_requeued_continues_as_another_job_by_itself(
    cluster: Cluster, make_specs: Specs, capsys: pytest.CaptureFixture[str]
) -> None:
    cluster = forbid_requeue(cluster)
    (spec,) = make_specs(1, **LONG)
    done = cluster.submit([spec], Resources(nodes=1, tasks_per_node=2, minutes=30), partition="low")
    assert not done.starts_again
    started(cluster, done)
    cluster.observe(done)
    assert cluster.states(done) == ["running"], "which is the last that anybody asks of it"
    interrupt(cluster, done)
    run = cluster.config.workspace.run(spec.id)
    wait(lambda: run.attempt(2).incarnation(0).events.exists(), lambda: cluster.logs(done))
    wait(lambda: events(cluster, done, 0, "resumed"), lambda: cluster.logs(done))  # of the newest attempt
    resumed = events(cluster, done, 0, "resumed")
    exits = run.attempt(1).incarnation(0).exits()
    job = run.attempt(2).owner.read_text()
    words = f"continues as SLURM job {job}; SLURM does not requeue this job: "
    assert [item.outcome for item in exits] == ["preempted"] * 2
    assert exits[0].message.startswith(words)
    assert not exits[0].requeued
    assert resumed[0]["step"] == exits[0].step > 0
    script = slurm("scontrol", "write", "batch_script", job.partition("_")[0], "-")
    assert "#SBATCH --partition=low" in script
    assert "#SBATCH --ntasks-per-node=2" in script
    main(["--workspace", str(cluster.config.workspace.root), "cancel", spec.id, "--yes"])
    capsys.readouterr()


def test_if_the_nodes_have_no_sbatch_the_exit_record_says_so(cluster: Cluster, make_specs: Specs) -> None:
    cluster = forbid_requeue(cluster, f'srun() {{ PATH=/nowhere {shutil.which("srun")} "$@"; }}')
    done = cluster.submit(make_specs(1, **LONG))
    interrupt(cluster, done)
    (state,) = cluster.until(done, lambda states: states[0] not in {"running", "queued"})
    (ended,) = incarnation(cluster, done).exits()
    assert (state, ended.outcome, ended.requeued) == ("preempted", "preempted", False)
    assert "SLURM does not requeue this job (scontrol is not installed on this machine)" in ended.message
    assert (
        "no continuation was submitted: SLURM does not answer: scontrol is not installed on this machine"
        in ended.message
    )


def test_submission_reports_which_runs_resume_by_themselves(
    cluster: Cluster, capsys: pytest.CaptureFixture[str]
) -> None:
    cluster = forbid_requeue(cluster)
    root = str(cluster.config.workspace.root)
    words = ["sweep", "se", "--epochs", "1", "--gpus-per-node", "0", "--time", "5", "--name", "s"]
    assert main(["--workspace", root, *words]) == 0
    said = [line for line in capsys.readouterr().err.splitlines() if "does not requeue" in line]
    assert len(said) == 1
    assert " -P -m attnctl --workspace " in said[0]
    assert said[0].endswith(" resume s --state timeout,preempted --yes")
