"""A run that needs more memory than its job has, on a cluster without cgroups (JobAcctGatherParams=OverMemoryKill)."""

import pytest

from attnctl.workspace.records import Resources
from tests.slurm.real_cluster import Cluster
from tests.slurm.test_real_training import Specs

pytestmark = pytest.mark.slurm


def test_a_run_that_exceeds_the_memory_of_its_job_is_out_of_memory(cluster: Cluster, make_specs: Specs) -> None:
    large = make_specs(1, input_size="224", batch="1024", norm_batch="512")
    done = cluster.submit(large, Resources(minutes=30, tasks_per_node=2), mem="1400M")
    cluster.until(done, lambda states: states[0] not in {"queued", "running"})
    (verdict,) = cluster.verdicts(done)
    assert (str(verdict.state), "memory limit" in verdict.reason) == ("out of memory", True), verdict
