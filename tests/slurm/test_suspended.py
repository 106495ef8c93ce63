"""A job that SLURM suspends for a while: status says so, and the training continues."""

import pytest

from attnctl.lifecycle.evidence import describe_claim
from attnctl.workspace.records import Request, read_events
from tests.slurm.real_cluster import Cluster, slurm, wait
from tests.slurm.test_real_training import LONG, Specs, incarnation, started

pytestmark = pytest.mark.slurm


def test_a_suspended_job_is_shown_as_suspended_and_continues(cluster: Cluster, make_specs: Specs) -> None:
    done = cluster.submit(make_specs(1, **LONG))
    started(cluster, done)
    slurm("scontrol", "suspend", f"{done.job_id}_0")
    assert cluster.observe(done) is None
    (verdict,) = cluster.verdicts(done)
    assert str(verdict.state) == "suspended"
    assert verdict.state.active, "resume and sweep leave it alone"
    request = Request.read(cluster.attempt(done.tasks[0][0]).request)
    assert request is not None
    assert describe_claim(request, verdict).startswith("suspended, queued by ")
    again = cluster.submit(make_specs(1, **LONG))
    assert again.tasks == []

    events = incarnation(cluster, done).events
    before = len(list(read_events(events.read_bytes())))
    slurm("scontrol", "resume", f"{done.job_id}_0")
    wait(lambda: len(list(read_events(events.read_bytes()))) > before, lambda: cluster.logs(done))
    assert cluster.observe(done) is None
    assert cluster.states(done) == ["running"]
    assert not incarnation(cluster, done).exits()
