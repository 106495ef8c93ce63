"""The nodes of a partition, and the cores that go with a GPU."""

from __future__ import annotations

import pytest

from attnctl.jobs.slurm import nodes
from tests.fixtures.fake_slurm import Fake

NODES = """\
NodeName=big Arch=x86_64 CPUEfctv=126 CPUTot=128 ActiveFeatures=a100,ib Gres=gpu:a100:8(S:0-1) Partitions=gpu,all
NodeName=small Arch=x86_64 CPUTot=32 ActiveFeatures=v100 Gres=gpu:v100:4 OS=Linux 6.1 #1 SMP Partitions=gpu State=DOWN*
NodeName=mixed Arch=x86_64 CPUEfctv=64 CPUTot=64 ActiveFeatures=(null) Gres=gpu:a100:2,gpu:v100:2 Partitions=all
NodeName=arm Arch=aarch64 CPUEfctv=72 CPUTot=72 ActiveFeatures=(null) Gres=gpu:1 Partitions=grace
NodeName=plain Arch=x86_64 CPUEfctv=16 CPUTot=16 ActiveFeatures=(null) Gres=(null) Partitions=cpu
a banner of the site
"""
PARTITIONS = """\
PartitionName=gpu Default=YES MaxCPUsPerNode={most} JobDefaults={defaults} TotalCPUs=160
PartitionName=all Default=NO MaxCPUsPerNode=UNLIMITED JobDefaults=(null)
PartitionName=grace Default=NO MaxCPUsPerNode=UNLIMITED JobDefaults=(null)
PartitionName=cpu Default=NO MaxCPUsPerNode=UNLIMITED JobDefaults=(null)
"""


def cluster(fake: Fake, most: str = "UNLIMITED", defaults: str = "(null)", everywhere: str = "(null)") -> None:
    for name, text in {
        "node": NODES,
        "partition": PARTITIONS.format(most=most, defaults=defaults),
        "config": f"ClusterName = test\nJobDefaults             = {everywhere}\n",
    }.items():
        (fake.folder / f"of-{name}").write_text(text)
    fake.does("scontrol", f'cat "{fake.folder}/of-${{!#}}"')


def test_a_node_is_read_with_the_cores_that_jobs_can_get() -> None:
    found = {node.name: node for node in nodes.read_nodes(NODES)}
    assert {name: (node.cpus, dict(node.gpus)) for name, node in found.items()} == {
        "big": (126, {"a100": 8}),
        "small": (32, {"v100": 4}),
        "mixed": (64, {"a100": 2, "v100": 2}),
        "arm": (72, {"": 1}),
        "plain": (16, {}),
    }
    assert found["arm"].arch == "aarch64"
    assert found["big"].features == {"a100", "ib"}


@pytest.mark.parametrize(
    ("partition", "gpus", "kind", "constraint", "cores"),
    [
        (None, 1, None, None, 8),  # the smallest node's share: 32 cores for 4 GPUs
        (None, 1, "a100", None, 15),
        (None, 1, None, "a100", 15),
        (None, 8, None, None, 15),  # only one node has 8 GPUs
        ("all", 1, None, None, 15),
        ("all", 2, "v100", None, 16),
        ("gpu,all", 1, None, None, 8),
        ("grace", 1, None, None, 72),
        ("cpu", 1, None, None, 1),
        ("none", 1, None, None, 1),
    ],
)
def test_a_gpu_has_its_share_of_the_smallest_node_that_fits(
    fake: Fake, partition: str | None, gpus: int, kind: str | None, constraint: str | None, cores: int
) -> None:
    cluster(fake)
    assert nodes.cpus_per_gpu(partition, gpus, kind, constraint) == cores


def test_the_sites_default_and_limit_come_first(fake: Fake) -> None:
    cluster(fake, defaults="DefCpuPerGPU=6,DefMemPerGPU=1000")
    assert nodes.cpus_per_gpu("gpu", 1) == 6
    cluster(fake, everywhere="DefCpuPerGPU=5")
    assert nodes.cpus_per_gpu("all", 1) == 5
    cluster(fake, most="12")
    assert nodes.cpus_per_gpu("gpu", 2) == 6


def test_another_cluster_is_asked_about_its_own_nodes(fake: Fake) -> None:
    cluster(fake)
    assert nodes.cpus_per_gpu("all", 1, cluster="second") == 15
    assert {call.split(" show ")[0] for call in fake.calls("scontrol")} == {"-M second -a -o", "-M second"}


def test_without_an_answer_a_gpu_has_one_core(fake: Fake) -> None:
    fake.does("scontrol", "exit 1")
    assert nodes.cpus_per_gpu(None, 1) == 1
    assert nodes.of_partition(None) == ([], [])
