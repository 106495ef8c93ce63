"""The rank of a process, from SLURM or from the runner on this machine."""

import os

import pytest

from attnctl.jobs.runtime.rank import Worker
from attnctl.values import SpecError


@pytest.fixture(autouse=True)
def _own_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GLOO_SOCKET_IFNAME", "lo")


def test_a_worker_reads_the_environment_of_the_local_runner_or_of_slurm() -> None:
    slurm = {
        "SLURM_JOB_ID": "12",
        "SLURM_ARRAY_JOB_ID": "11",
        "SLURM_ARRAY_TASK_ID": "3",
        "SLURM_NTASKS": "4",
        "SLURM_PROCID": "2",
        "SLURM_LOCALID": "1",
        "SLURM_RESTART_COUNT": "1",
        "SLURMD_NODENAME": "n2",
        "SLURM_JOB_END_TIME": "1700000000",
    }
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith("SLURM")]:
            patch.delenv(name)
        for name, value in slurm.items():
            patch.setenv(name, value)
        found = Worker.from_environment(os.environ, None)
        here = Worker.from_environment({**os.environ, "ATTNCTL_JOB_ID": "h:9", "RANK": "1", "WORLD_SIZE": "2"}, 5)
    assert (found.job_id, found.task, found.rank, found.world, found.local_rank) == ("11_3", 3, 2, 4, 1)
    assert (found.restart, found.node, found.on_slurm, found.end) == (1, "n2", True, 1.7e9)
    assert (here.job_id, here.task, here.rank, here.world, here.on_slurm) == ("h:9", 5, 1, 2, False)
    with pytest.raises(SpecError, match="start workers with attnctl sweep or resume"):
        Worker.from_environment({}, None)
