"""Every way of asking for GPUs, on a real SLURM with virtual ones: the job gets them, and one request is made."""

import re
from collections.abc import Callable, Mapping

import pytest

from attnctl.cli import main
from attnctl.jobs.slurm import nodes
from attnctl.spec import RunSpec
from attnctl.workspace.records import Request, Resources
from tests.slurm.real_cluster import Cluster, slurm

pytestmark = pytest.mark.slurm
Specs = Callable[..., list[RunSpec]]
TWO = Resources(minutes=30, gpus_per_node=2, tasks_per_node=2)


@pytest.mark.parametrize(
    ("extra", "gpus"),
    [
        ({}, 2),
        ({"gres": "gpu:1"}, 2),
        ({"gpus": "2"}, 2),
        ({"gpus-per-task": "1"}, 2),
        ({"gpus-per-node": "false"}, 0),
    ],
)
def test_a_job_gets_the_gpus_that_it_asked_for(
    cluster: Cluster, make_specs: Specs, extra: Mapping[str, str], gpus: int
) -> None:
    done = cluster.submit(make_specs(1), TWO, extra={"hold": "true", **extra})
    job = slurm("scontrol", "show", "job", f"{done.job_id}_0")
    found = re.search(r"\bTRES=\S*gres/gpu=(\d+)", job) or re.search(r"ReqTRES=\S*gres/gpu=(\d+)", job)
    assert (int(found[1]) if found else 0) == gpus, job
    assert "NumTasks=2" in job


def test_a_gpu_job_asks_for_its_share_of_the_nodes_cores(cluster: Cluster, capsys: pytest.CaptureFixture[str]) -> None:
    assert nodes.cpus_per_gpu("main", 1) == 2  # 8 cores and 4 GPUs
    words = ["--workspace", str(cluster.config.workspace.root), "sweep", "se", "--dry-run"]
    assert main(words) == 0
    told = " ".join(capsys.readouterr().out.split())
    assert "#SBATCH --cpus-per-task=2" in told
    assert "2 cores per process: 1 loader process for images that are read from files" in told
    assert main([*words, "--cpus-per-task", "1"]) == 0
    told = " ".join(capsys.readouterr().out.split())
    assert "1 core per process: the training process itself reads and decodes the images" in told


def test_a_run_that_gets_more_memory_gets_it_per_cpu_where_the_settings_ask_so(
    cluster: Cluster, make_specs: Specs
) -> None:
    resources = Resources(minutes=30, cpus_per_task=2)
    extra = {"hold": "true", "mem-per-cpu": "500M"}
    first = cluster.submit(make_specs(1), resources, extra=extra)
    assert "MinMemoryCPU=500M" in slurm("scontrol", "show", "job", f"{first.job_id}_0")
    request = Request.read(cluster.attempt(first.tasks[0][0]).request)
    assert request is not None
    assert request.options["mem"] == "1000M"  # per node: what `resume` multiplies
    more = cluster.submit(make_specs(2)[1:], resources, extra=extra, mem="1500M")
    assert "MinMemoryCPU=750M" in slurm("scontrol", "show", "job", f"{more.job_id}_0")
