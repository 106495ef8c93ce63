"""Waiting jobs are kept away from nodes that cannot launch jobs."""

from __future__ import annotations

from attnctl.jobs.slurm.exclusion import exclude
from attnctl.settings.config import Config
from attnctl.workspace.records import Placed
from tests.fixtures.fake_slurm import Fake, rows


def test_only_waiting_jobs_exclude_the_node(fake: Fake, placed: tuple[Config, list[Placed]]) -> None:
    config, items = placed
    fake.says("squeue", rows(items[:1], "RUNNING") + rows(items[1:], "PENDING"))
    fake.says("scontrol", "")
    assert exclude(config.workspace, items, ("n1", "n2")) is None
    assert fake.calls("scontrol") == ["update jobid=7_[1] excnodelist=n1,n2"]
    fake.does("scontrol", "echo 'Access/permission denied' >&2; exit 1")
    message = "could not exclude n1, n2 from all waiting jobs: Access/permission denied"
    assert exclude(config.workspace, items, ("n1", "n2")) == message
