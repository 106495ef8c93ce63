"""Variables SBATCH_* of the user's shell on a real SLURM: the job is the one that the script describes."""

import re
from collections.abc import Callable

import pytest

from attnctl.spec import RunSpec
from attnctl.workspace.records import Resources
from tests.slurm.real_cluster import Cluster, slurm

pytestmark = pytest.mark.slurm
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
