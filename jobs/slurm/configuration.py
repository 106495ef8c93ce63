"""What a cluster is: the limits in its configuration, its partitions, and whether it answers.

cluster: the name of a cluster as in `sbatch --clusters`; None is the local one.
"""

from __future__ import annotations

import re
import shutil
from dataclasses import dataclass, replace

from attnctl.jobs.slurm.commands import NO_ANSWER, CommandError, SlurmUnavailable, on_cluster, parse_table, run
from attnctl.units import parse_elapsed
from attnctl.values import comma_join, nearest

_CLOSED = frozenset({"down", "drain", "inact"})
"""The states of a partition in which it starts no jobs (sinfo(1), %a; scontrol(1), State of a partition)."""
_UNUSABLE = frozenset({"down", "drained", "draining", "fail", "failing"})
"""The states of a node in which it gets no jobs until an administrator acts (sinfo(1), NODE STATE CODES)."""
_NODE_FLAGS = "*~#!%$@^-+"
"""The signs after a node's state: not responding, powered down ... (sinfo(1), NODE STATE CODES)."""
_INTEGER = re.compile(r"[0-9]{1,9}")


@dataclass(frozen=True, kw_only=True)
class Limits:
    """From the cluster's configuration. max_array: the largest array; gather: JobAcctGatherType; private: other users'
    jobs are hidden (PrivateData)."""

    cluster: str
    version: str
    max_array: int
    requeue: bool
    preempt_mode: str
    accounting: bool
    gather: str
    private: bool


def available() -> bool:
    """Whether this machine has sbatch, and so SLURM."""
    return shutil.which("sbatch") is not None


def ping() -> None:
    """Raise SlurmUnavailable if the controller does not answer."""
    try:
        run(["sinfo", "-a", "-h", "-o", "%P"])
    except CommandError as error:
        raise SlurmUnavailable(f"{NO_ANSWER}: {error.message}") from error


def limits(cluster: str | None = None) -> Limits:
    """Read the limits from the configuration of a cluster (None: the local one); raises SlurmUnavailable."""
    try:
        return read_limits(cluster)
    except CommandError as error:
        raise SlurmUnavailable(f"{NO_ANSWER}: {error.message}") from error


def read_limits(cluster: str | None = None) -> Limits:
    """The same, but raises CommandError."""
    text = run(["scontrol", *on_cluster(cluster), "show", "config"])
    settings = dict(re.findall(r"^(\w+)\s*=[ \t]*(.*?)\s*$", text, re.MULTILINE))
    return Limits(
        cluster=settings.get("ClusterName", ""),
        version=settings.get("SLURM_VERSION", ""),
        # 1001 is SLURM's default (slurm.conf(5), MaxArraySize).
        max_array=int(size) if _INTEGER.fullmatch(size := settings.get("MaxArraySize", "")) else 1001,
        requeue=settings.get("JobRequeue", "1") != "0",
        preempt_mode=settings.get("PreemptMode", "OFF"),
        accounting=settings.get("AccountingStorageType", "(null)") not in {"accounting_storage/none", "(null)", ""},
        gather=settings.get("JobAcctGatherType", ""),
        private="jobs" in settings.get("PrivateData", "").split(","),
    )


@dataclass(frozen=True, kw_only=True)
class Partition:
    """A partition. time_limit: as SLURM prints it; gpus: the most of any node; default: used if none is named."""

    name: str
    default: bool
    time_limit: str
    gpus: int
    nodes: int

    @property
    def minutes(self) -> float | None:
        """The time limit in minutes; None without one."""
        return parse_elapsed(self.time_limit) / 60 or None


def partitions(cluster: str | None = None) -> list[Partition]:
    """The partitions of a cluster (None: the local one), each once. Raises SlurmUnavailable."""
    try:
        return read_sinfo(run(["sinfo", *on_cluster(cluster), "-a", "-h", "-o", "%D|%l|%G|%P"]))
    except CommandError as error:
        raise SlurmUnavailable(f"{NO_ANSWER}: {error.message}") from error


def read_sinfo(text: str) -> list[Partition]:
    """Parse the output of `sinfo -o %D|%l|%G|%P`, which has one row per partition and kind of node.

    Raises CommandError if it was cut off.
    """
    merged: dict[str, Partition] = {}
    for count, limit, gres, name in parse_table(text, 4, "sinfo"):
        if not _INTEGER.fullmatch(count):
            continue
        gpus = sum(map(int, re.findall(r"\bgpu:(?:[^:,(]+:)?([0-9]{1,9})\b", gres)))
        row = Partition(
            name=name.rstrip("*"), default=name.endswith("*"), time_limit=limit, gpus=gpus, nodes=int(count)
        )
        other = merged.get(row.name)
        merged[row.name] = (
            row if other is None else replace(other, gpus=max(other.gpus, gpus), nodes=other.nodes + row.nodes)
        )
    return list(merged.values())


def chosen_partitions(partition: str | None, cluster: str | None = None) -> list[Partition]:
    """The named partitions (`a,b`; None: the default one); raises SlurmUnavailable."""
    rows = partitions(cluster)
    return [row for row in rows if (row.name in partition.split(",") if partition else row.default)]


def missing_partition(names: str, cluster: str | None = None) -> str:
    """The message that the cluster lists no partition of one of the names (`a,b`), or ""; raises SlurmUnavailable."""
    known = [row.name for row in partitions(cluster)]
    for name in names.split(",") if known else ():
        if name not in known:
            near = nearest(name, known)
            hint = f"; did you mean {near!r}?" if near else ""
            return f"no partition {name} on this cluster; partitions: {comma_join(known)}{hint}"
    return ""


def partition_fault(name: str, cluster: str | None = None) -> str:
    """Why a partition starts no jobs at present: it, or all of its nodes, are down or drained; "" if it does.

    Raises SlurmUnavailable.
    """
    try:
        # sinfo(1) of 22.05 refuses -a, which hidden partitions need, together with -p.
        text = run(["sinfo", *on_cluster(cluster), "-a", "-h", "-o", "%D|%a|%T|%P"])
        table = [row[:3] for row in parse_table(text, 4, "sinfo") if row[3].rstrip("*") == name]
    except CommandError as error:
        raise SlurmUnavailable(f"{NO_ANSWER}: {error.message}") from error
    rows = [(count, state, node) for count, state, node in table if _INTEGER.fullmatch(count)]
    closed = next((state for _, state, _ in rows if state in _CLOSED), None)
    if closed is not None:
        return f"its state is {closed}"
    nodes = {node.rstrip(_NODE_FLAGS) for count, _, node in rows if int(count)}
    return f"all its nodes are {' or '.join(sorted(nodes))}" if nodes and nodes <= _UNUSABLE else ""


def default_gpus(partition: str | None, cluster: str | None = None) -> int:
    """1 if nodes of the partition (None: the default one) have GPUs, else 0; raises SlurmUnavailable."""
    return int(any(row.gpus for row in chosen_partitions(partition, cluster)))
