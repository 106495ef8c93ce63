"""What is read of a cluster's configuration, without a cluster; tests/slurm asks a real one."""

from __future__ import annotations

from pathlib import Path

import pytest

from attnctl.jobs.slurm import configuration
from attnctl.jobs.slurm.commands import SlurmUnavailable
from attnctl.jobs.slurm.configuration import Partition, read_sinfo

# sinfo -a -h -o %D|%l|%G|%P of a cluster with two kinds of GPU nodes in one partition.
SINFO = """\
2|infinite|(null)|cpu*
4|1-00:00:00|gpu:a100:4(S:0-1),shard:8|gpu
1|1-00:00:00|gpu:h100:8(S:0-1)|gpu
"""


def test_rows_of_one_partition_become_one_with_the_gpus_of_its_largest_node() -> None:
    assert read_sinfo(SINFO) == [
        Partition(name="cpu", default=True, time_limit="infinite", gpus=0, nodes=2),
        Partition(name="gpu", default=False, time_limit="1-00:00:00", gpus=8, nodes=5),
    ]


def test_a_partitions_time_limit_is_in_minutes_and_none_if_it_has_none() -> None:
    assert [row.minutes for row in read_sinfo(SINFO)] == [None, 1440]


def test_without_slurms_commands_a_cluster_does_not_answer(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert not configuration.available()
    with pytest.raises(SlurmUnavailable):
        configuration.ping()
    with pytest.raises(SlurmUnavailable):
        configuration.limits()
