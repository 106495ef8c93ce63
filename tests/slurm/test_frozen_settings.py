"""Jobs that wait or start again use the settings that they were submitted with."""

import dataclasses
import signal

import pytest

from attnctl.settings.config import read
from attnctl.workspace.records import Resources
from tests.slurm.real_cluster import Cluster, wait
from tests.slurm.test_real_training import TINY, Specs, ranks, started
from tests.slurm.test_requeue import events

pytestmark = pytest.mark.slurm


def test_edits_of_the_settings_do_not_reach_jobs_that_wait_or_start_again(cluster: Cluster, make_specs: Specs) -> None:
    """A wrong key while jobs wait, and another folder of checkpoints before a job is requeued."""
    root = cluster.config.workspace.root
    root.mkdir()
    file = root / "attnctl.toml"
    file.write_text('[paths]\ncheckpoints = "scratch"\n')
    cluster = dataclasses.replace(cluster, config=read(file))
    specs = [*make_specs(1, **TINY | {"epochs": "25"}), *make_specs(2, **TINY)]
    done = cluster.submit(specs, Resources(minutes=30), parallel=1)
    started(cluster, done)
    file.write_text('[paths]\ncheckpoints = "elsewhere"\n[slurm]\npartiton = "main"\n')
    ranks(done)[0].send_signal(signal.SIGTERM)
    wait(lambda: events(cluster, done, 1, "resumed"), lambda: cluster.logs(done))
    (resumed,) = events(cluster, done, 1, "resumed")
    (ended,) = cluster.attempt(specs[0].id).incarnation(0).exits()
    assert resumed["step"] == ended.step > 0
    cluster.until(done, lambda states: states == ["completed"] * 3)
    assert not (root / "elsewhere").exists()
    assert all(any((root / "scratch" / spec.id).glob("*.pt")) for spec in specs)
