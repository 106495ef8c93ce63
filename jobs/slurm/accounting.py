"""The resources that jobs used, from SLURM's accounting (sacct)."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace

from attnctl.jobs.slurm import configuration, versions
from attnctl.jobs.slurm.commands import CommandError, SlurmUnavailable, environment, on_cluster, parse_table, run
from attnctl.jobs.slurm.job import TIMES, Job, by_cluster, by_id, recognised_record
from attnctl.units import parse_elapsed, parse_memory, slurm_time
from attnctl.values import SpecError

_DAY = 86400.0
_FIELDS = "JobID,ElapsedRaw,ReqMem,MaxRSS,AllocTRES,TotalCPU,AllocNodes,JobName,User,Submit,WorkDir"


@dataclass(frozen=True, kw_only=True)
class Usage:
    """Usage of one job, summed over its restarts. memory_requested: MB per node; memory_used: MB of its largest task.

    Of a job that trains several runs, it is that of the run's own steps. None where accounting does not know it: it
    knows GPUs only with gres/gpu in AccountingStorageTRES (slurm.conf(5)).
    """

    seconds: float = 0.0
    gpus: int | None = None
    cpu_seconds: float = 0.0
    memory_requested: int | None = None
    memory_used: int | None = None


def query(jobs: Collection[Job]) -> dict[Job, Usage]:
    """The usage of those jobs that accounting knows; without those of a cluster whose sacct fails."""
    usages: dict[Job, Usage] = {}
    try:
        local = configuration.limits().cluster if any(job.cluster is not None for job in jobs) else ""
    except SlurmUnavailable:
        return usages
    for cluster, group in by_cluster(jobs, local).items():
        since = slurm_time(min(job.created for job in group) - _DAY)
        ids = ",".join(job.id for job in group)
        command = ["sacct", *on_cluster(cluster), "-n", "-P", "-D", "-S", since, "-o", _FIELDS, "-j", ids]
        with contextlib.suppress(CommandError):
            usages |= parse(run(command, env=environment() | TIMES), group)
    return usages


def parse(text: str, jobs: Iterable[Job]) -> dict[Job, Usage]:
    """Parse the output of sacct. Raises CommandError if it was cut off.

    With -D there is one row for each start of a job, followed by the rows of its steps.
    """
    jobs_of = by_id(jobs)
    usages: dict[Job, Usage] = {}
    ours: list[Job] = []
    for row, elapsed, requested, used, allocated, cpu, nodes, record in parse_table(text, 8, "sacct"):
        number, _, step = row.partition(".")
        if not step:
            ours = [job for job in jobs_of(number) if recognised_record(job, record)]
        for job in ours:
            previous = usages.get(job, Usage())
            if job.step:
                if not step:
                    usages[job] = replace(previous, gpus=_gpus(allocated) or previous.gpus)
                elif record.partition("|")[0] == job.step:
                    usages[job] = _with_step(previous, elapsed, cpu, used)
            elif not step:
                usages[job] = Usage(
                    seconds=previous.seconds + parse_elapsed(elapsed),
                    gpus=_gpus(allocated) or previous.gpus,
                    cpu_seconds=previous.cpu_seconds + parse_elapsed(cpu),
                    memory_requested=_memory_per_node(requested, allocated, nodes) or previous.memory_requested,
                    memory_used=previous.memory_used,
                )
            elif _memory(used) is not None:
                usages[job] = replace(previous, memory_used=max(_memory(used) or 0, previous.memory_used or 0))
    return usages


def _with_step(previous: Usage, elapsed: str, cpu: str, used: str) -> Usage:
    """The usage of a run that shares its job, with one more step of it."""
    return replace(
        previous,
        seconds=previous.seconds + parse_elapsed(elapsed),
        cpu_seconds=previous.cpu_seconds + parse_elapsed(cpu),
        memory_used=max(_memory(used) or 0, previous.memory_used or 0) or None,
    )


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
