"""Every way of asking for GPUs, on a real SLURM with virtual ones: the job gets them, and one request is made."""

import re
from collections.abc import Callable, Mapping

import pytest

from attnctl.spec import RunSpec
from attnctl.workspace.records import Resources
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
