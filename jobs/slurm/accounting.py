"""The resources that jobs used, from SLURM's accounting (sacct)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from attnctl.jobs.slurm import versions
from attnctl.jobs.slurm.commands import CommandError, parse_table, run
from attnctl.units import parse_elapsed, parse_memory, slurm_time
from attnctl.values import SpecError

_DAY = 86400.0
_FIELDS = "JobID,JobName,ElapsedRaw,ReqMem,MaxRSS,AllocTRES,TotalCPU,AllocNodes"


@dataclass(frozen=True, kw_only=True)
class Usage:
    """Usage of one job, summed over its restarts. memory_requested: MB per node; memory_used: MB of its largest task.

    None where accounting does not know it: it knows GPUs only with gres/gpu in AccountingStorageTRES (slurm.conf(5)).
    """

    seconds: float = 0.0
    gpus: int | None = None
    cpu_seconds: float = 0.0
    memory_requested: int | None = None
    memory_used: int | None = None


def query(jobs: Mapping[str, str], since: float) -> dict[str, Usage]:
    """The usage of those jobs that accounting knows; empty if sacct fails.

    jobs: job id to its tag; since: when the oldest was submitted, in Unix seconds.
    """
    if not jobs:
        return {}
    start = slurm_time(since - _DAY)
    try:
        return parse(run(["sacct", "-n", "-P", "-D", "-S", start, "-o", _FIELDS, "-j", ",".join(jobs)]), jobs)
    except CommandError:
        return {}


def parse(text: str, jobs: Mapping[str, str]) -> dict[str, Usage]:
    """Parse the output of sacct. Raises CommandError if it was cut off.

    With -D there is one row for each start of a job, followed by the rows of its steps.
    """
    usages: dict[str, Usage] = {}
    ours = False
    for row, name, elapsed, requested, used, allocated, cpu, nodes in parse_table(text, 8, "sacct"):
        job, _, step = row.partition(".")
        previous = usages.get(job, Usage())
        if not step:
            ours = jobs.get(job) == name
            if ours:
                usages[job] = Usage(
                    seconds=previous.seconds + parse_elapsed(elapsed),
                    gpus=_gpus(allocated) or previous.gpus,
                    cpu_seconds=previous.cpu_seconds + parse_elapsed(cpu),
                    memory_requested=_memory_per_node(requested, allocated, nodes) or previous.memory_requested,
                    memory_used=previous.memory_used,
                )
        elif ours and _memory(used) is not None:
            largest = max(_memory(used) or 0, previous.memory_used or 0)
            usages[job] = Usage(**(vars(previous) | {"memory_used": largest}))
    return usages


def _gpus(allocated: str) -> int | None:
    """The number of GPUs in AllocTRES, `gres/gpu=4` or, where only types are recorded, `gres/gpu:a100=4`."""
    counts = re.findall(r"\bgres/gpu=([0-9]{1,9})\b", allocated) or re.findall(
        r"\bgres/gpu:[^=,]+=([0-9]{1,9})\b", allocated
    )
    return sum(map(int, counts)) if counts else None


def _memory_per_node(requested: str, allocated: str, nodes: str) -> int | None:
    """MB per node from sacct's ReqMem."""
    text, of = versions.requested_memory(requested)
    amount = _memory(text)
    if amount is None or of == "node":
        return amount
    if not re.fullmatch(r"[1-9][0-9]{0,8}", nodes):
        return None
    if of == "job":
        return amount // int(nodes)
    cores = re.search(r"\bcpu=([0-9]{1,9})\b", allocated)
    return amount * int(cores[1]) // int(nodes) if cores else None


def _memory(text: str) -> int | None:
    try:
        return parse_memory(text) if text and not text.endswith("?") else None
    except SpecError:
        return None
