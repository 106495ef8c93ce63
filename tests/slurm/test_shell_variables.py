"""Variables SBATCH_* of the user's shell on a real SLURM: the job is the one that the script describes."""

import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Callable

import pytest

from attnctl.spec import RunSpec
from attnctl.workspace import submissions
from attnctl.workspace.records import Resources
from tests.fixtures.trusted_settings import write_trusted
from tests.slurm.real_cluster import Cluster, slurm, wait

pytestmark = [pytest.mark.slurm, pytest.mark.usefixtures("real_processes")]
Specs = Callable[..., list[RunSpec]]
SHELL = {
    "SBATCH_JOB_NAME": "mine",
    "SBATCH_TIMELIMIT": "5",
    "SBATCH_ARRAY_INX": "1-3",
    "SBATCH_SIGNAL": "INT@10",
    "SBATCH_OUTPUT": "/dev/null",
    "SBATCH_WAIT": "1",
    "SBATCH_MEM_PER_NODE": "100M",
    "SBATCH_NO_REQUEUE": "1",
    "SBATCH_GPUS_PER_NODE": "1",
    "SBATCH_PARTITION": "high",
}


def job_of(job_id: str | None) -> dict[str, str]:
    """What the controller knows of the array's only task."""
    return dict(re.findall(r"(\S+?)=(\S*)", slurm("scontrol", "show", "job", f"{job_id}_0")))


def test_the_script_decides_and_not_the_shell(
    cluster: Cluster, make_specs: Specs, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in SHELL.items():
        monkeypatch.setenv(name, value)
    resources = Resources(minutes=30)
    done = cluster.submit(make_specs(1), resources, extra={"hold": "true"}, partition="low", mem="3000M")
    job = job_of(done.job_id)
    assert job["JobName"] == done.tag
    assert job["TimeLimit"] == "00:30:00"
    assert job["ArrayTaskId"] == "0"
    assert job["Partition"] == "low"
    assert job["Requeue"] == "1"
    assert job["StdOut"] != "/dev/null"
    requested = job.get("ReqTRES") or job["TRES"]  # since 23.02 TRES is split (scontrol(1))
    assert "gpu" not in job.get("TresPerNode", "") + requested
    assert "mem=3000M" in requested
    assert cluster.states(done) == ["queued"]


def test_the_shells_partition_passes_where_the_settings_leave_it_open(
    cluster: Cluster, make_specs: Specs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SBATCH_PARTITION", "high")
    monkeypatch.setenv("SBATCH_JOB_NAME", "mine")
    done = cluster.submit(make_specs(1), Resources(minutes=30), extra={"hold": "true"})
    assert job_of(done.job_id)["Partition"] == "high"
    assert cluster.observe(done) is None
    assert cluster.states(done) == ["queued"]


def test_a_job_that_submits_another_hands_on_nothing_of_its_own(cluster: Cluster) -> None:
    root = cluster.config.workspace.root
    root.mkdir(parents=True)
    inherited = root / "inherited"
    # The job writes down its environment, and ends.
    setup = f"env -0 > {shlex.quote(str(inherited))}; exit 1"
    write_trusted(root, f'[slurm]\ntime = "5"\ngpus_per_node = 0\nsetup = [{json.dumps(setup)}]\n')
    outer = ["srun", "--quiet", "-p", "high", "-t", "7", "-c", "4", "--mem", "2000M", "--gres", "gpu:2", "-J", "outer"]
    attnctl = [sys.executable, "-P", "-m", "attnctl", "--workspace", str(root), "sweep", "se", "--epochs", "1"]
    environment = os.environ | {"TMPDIR": "/var/tmp", "SBATCH_TIMELIMIT": "1"}
    subprocess.run([*outer, *attnctl, "--name", "s"], check=True, capture_output=True, timeout=300, env=environment)
    (head,) = submissions.heads(cluster.config.workspace)
    wait(inherited.exists, lambda: slurm("squeue"))
    job = job_of(head.job_id)
    wait(lambda: job_of(head.job_id)["JobState"] == "FAILED", lambda: job)
    assert (job["JobName"], job["Partition"], job["TimeLimit"]) == (head.tag, "main", "00:05:00")
    assert (job["NumCPUs"], job["NumNodes"]) == ("1", "1")
    assert "gpu" not in (job.get("ReqTRES") or job["TRES"])
    values = dict(item.split("=", 1) for item in inherited.read_text().split("\0") if item)
    assert values["SLURM_JOB_NAME"] == head.tag
    assert values["SLURM_CPUS_PER_TASK"] == "1"
    assert values["SLURM_ARRAY_JOB_ID"] == head.job_id
    assert not values.keys() & {"CUDA_VISIBLE_DEVICES", "SLURM_STEP_GPUS", "SLURM_JOB_GPUS", "SBATCH_TIMELIMIT"}
    assert values.get("TMPDIR") != "/var/tmp"
