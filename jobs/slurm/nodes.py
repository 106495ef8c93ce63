"""The nodes of a partition, from `scontrol show node`: their cores, GPUs and processors."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from attnctl.jobs.slurm.commands import CommandError, on_cluster, run
from attnctl.values import SpecError

_FIELD = re.compile(r"(?:^|\s)([A-Za-z]+)=(\S*)")
_INTEGER = re.compile(r"[0-9]{1,9}")
_GPU = re.compile(r"\bgpu:(?:([^:,(]+):)?([0-9]{1,9})\b")
_DEFAULT = re.compile(r"\bDefCpuPerGPU=([1-9][0-9]{0,4})\b")


@dataclass(frozen=True, kw_only=True)
class Node:
    """A node. cpus: those that jobs can get; memory: MB, 0 if SLURM does not say; arch: as uname -m.

    gpus: their number by type, "" for GPUs without one
    """

    name: str
    cpus: int
    gpus: Mapping[str, int]
    arch: str
    features: frozenset[str]
    partitions: frozenset[str]
    memory: int = 0

    def count(self, kind: str | None) -> int:
        """Its number of GPUs, of one type or of all."""
        return sum(self.gpus.values()) if kind is None else self.gpus.get(kind, 0)


@dataclass(frozen=True, kw_only=True)
class PartitionCores:
    """What a partition says about cores. per_gpu: DefCpuPerGPU; per_node: MaxCPUsPerNode; None if it says nothing."""

    name: str
    default: bool
    per_gpu: int | None
    per_node: int | None


def read_nodes(text: str) -> list[Node]:
    """Parse `scontrol -o show node`; lines that describe no node are skipped."""
    nodes = []
    for line in text.splitlines():
        fields: dict[str, str] = dict(_FIELD.findall(line))
        cpus = fields.get("CPUEfctv", fields.get("CPUTot", ""))  # without the cores of CoreSpecCount; since 22.05
        if "NodeName" in fields and _INTEGER.fullmatch(cpus):
            gpus: dict[str, int] = {}
            for kind, count in _GPU.findall(fields.get("Gres", "")):
                gpus[kind] = gpus.get(kind, 0) + int(count)
            nodes.append(
                Node(
                    name=fields["NodeName"],
                    cpus=int(cpus),
                    gpus=gpus,
                    arch=fields.get("Arch", ""),
                    features=frozenset(fields.get("ActiveFeatures", "").split(",")),
                    partitions=frozenset(fields.get("Partitions", "").split(",")),
                    memory=int(memory) if _INTEGER.fullmatch(memory := fields.get("RealMemory", "")) else 0,
                )
            )
    return nodes


def read_partitions(text: str) -> list[PartitionCores]:
    """Parse `scontrol -o show partition`; lines that describe no partition are skipped."""
    rows = []
    for line in text.splitlines():
        fields: dict[str, str] = dict(_FIELD.findall(line))
        if "PartitionName" in fields:
            per_gpu = _DEFAULT.search(fields.get("JobDefaults", ""))
            per_node = fields.get("MaxCPUsPerNode", "")
            rows.append(
                PartitionCores(
                    name=fields["PartitionName"],
                    default=fields.get("Default") == "YES",
                    per_gpu=int(per_gpu[1]) if per_gpu else None,
                    per_node=int(per_node) if _INTEGER.fullmatch(per_node) else None,
                )
            )
    return rows


def of_partition(partition: str | None, cluster: str | None = None) -> tuple[list[PartitionCores], list[Node]]:
    """The named partitions (`a,b`; None: the default one) and their nodes; nothing if SLURM does not say."""
    scontrol = ["scontrol", *on_cluster(cluster), "-a", "-o", "show"]
    try:
        rows = read_partitions(run([*scontrol, "partition"]))
        nodes = read_nodes(run([*scontrol, "node"]))
    except (CommandError, SpecError):
        return [], []
    chosen = [row for row in rows if (row.name in partition.split(",") if partition else row.default)]
    names = {row.name for row in chosen}
    return chosen, [node for node in nodes if node.partitions & names]


def cpus_per_gpu(
    partition: str | None,
    gpus: int,
    kind: str | None = None,
    constraint: str | None = None,
    cluster: str | None = None,
) -> int:
    """The cores that a job should ask for each of its GPUs per node: DefCpuPerGPU, else the smallest node's share.

    gpus: per node. kind: the GPUs' type. constraint: used if it is one feature. 1 if SLURM does not say.
    """
    partitions, nodes = of_partition(partition, cluster)
    configured = [row.per_gpu or _cluster_default(cluster) for row in partitions]
    if any(configured):
        return min(count for count in configured if count)
    fitting = [node for node in nodes if node.count(kind) >= gpus]
    if constraint is not None and re.fullmatch(r"[\w.-]+", constraint):
        fitting = [node for node in fitting if constraint in node.features] or fitting
    shares = [node.cpus // node.count(None) for node in fitting]
    shares += [row.per_node // gpus for row in partitions if row.per_node is not None]
    return max(1, min(shares)) if fitting else 1


def _cluster_default(cluster: str | None) -> int | None:
    """DefCpuPerGPU of the whole cluster (slurm.conf(5), JobDefaults)."""
    try:
        found = _DEFAULT.search(run(["scontrol", *on_cluster(cluster), "show", "config"]))
    except CommandError:
        return None
    return int(found[1]) if found else None
