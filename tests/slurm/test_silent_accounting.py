"""An end that only squeue tells, since the accounting does not answer: it says as much."""

import signal
from pathlib import Path

import pytest

from tests.slurm.real_cluster import Cluster
from tests.slurm.test_real_submission import failing
from tests.slurm.test_real_training import LONG, Specs, ranks, started

pytestmark = pytest.mark.slurm


def test_a_killed_process_is_recognised_without_accounting(
    cluster: Cluster, make_specs: Specs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = cluster.submit(make_specs(1, **LONG))
    started(cluster, done)
    failing("sacct", "echo 'Problem talking to the database' >&2; exit 1", tmp_path / "bin", monkeypatch)
    ranks(done)[0].send_signal(signal.SIGKILL)
    cluster.until(done, lambda states: states != ["running"])
    (verdict,) = cluster.verdicts(done)
    assert (str(verdict.state), verdict.reason) == ("killed", "SLURM says FAILED, NonZeroExitCode, exit code 137:0")
