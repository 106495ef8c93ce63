"""A job that asks to be started again when SLURM has put it back into the queue already, since a node of it failed."""

import pytest

from attnctl.jobs import requeue
from attnctl.jobs.runtime.rank import Worker
from tests.slurm.real_cluster import Cluster
from tests.slurm.test_real_training import Specs

pytestmark = pytest.mark.slurm


def test_a_job_that_is_already_requeued_is_not_a_refusal(cluster: Cluster, make_specs: Specs) -> None:
    done = cluster.submit(make_specs(1), extra={"hold": "true"})
    worker = Worker(
        job_id=f"{done.job_id}_0", task=0, rank=0, world=0, local_rank=0, restart=0, node="node1", on_slurm=True
    )
    incarnation = cluster.attempt(done.tasks[0][0]).incarnation(0)
    assert requeue.requeue(incarnation, worker) == ""
    cluster.observe(done)
    assert cluster.states(done) == ["queued"]
