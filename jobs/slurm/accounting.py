"""What jobs used, as SLURM's accounting tells it; nothing where there is none or it does not answer."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from attnctl.jobs.slurm.commands import CommandError, run, table
from attnctl.units import parse_elapsed, parse_memory, slurm_time
from attnctl.values import SpecError

_DAY = 86400.0
_FIELDS = "JobID,JobName,ElapsedRaw,ReqMem,MaxRSS,AllocTRES,TotalCPU,AllocNodes"


@dataclass(frozen=True, kw_only=True)
class Usage:
    """Of one job, over all its starts. memory_asked, memory_used: MB a node, and MB of its largest process."""

    seconds: float = 0.0
    gpus: int = 0
    cpu_seconds: float = 0.0
    memory_asked: int | None = None
    memory_used: int | None = None


def ask(jobs: Mapping[str, str], since: float) -> dict[str, Usage]:
    """The usage of those jobs that accounting knows. jobs: job id to its tag; since: when the oldest was submitted."""
    if not jobs:
        return {}
    start = slurm_time(since - _DAY)
    try:
        return read(run(["sacct", "-n", "-P", "-D", "-S", start, "-o", _FIELDS, "-j", ",".join(jobs)]), jobs)
    except CommandError:
        return {}


def read(text: str, jobs: Mapping[str, str]) -> dict[str, Usage]:
    """What sacct printed: the row of each start of a job, then the rows of its steps. Raises CommandError."""
    found: dict[str, Usage] = {}
    ours = False
    for row, name, elapsed, asked, used, allocated, cpu, count in table(text, 8, "sacct"):
        job, _, step = row.partition(".")
        before = found.get(job, Usage())
        if not step:
            ours = jobs.get(job) == name
            if ours:
                gpus = sum(map(int, re.findall(r"\bgres/gpu=([0-9]{1,9})\b", allocated)))
                found[job] = Usage(
                    seconds=before.seconds + parse_elapsed(elapsed),
                    gpus=gpus or before.gpus,
                    cpu_seconds=before.cpu_seconds + parse_elapsed(cpu),
                    memory_asked=_memory_a_node(asked, allocated, count) or before.memory_asked,
                    memory_used=before.memory_used,
                )
        elif ours and _memory(used) is not None:
            most = max(_memory(used) or 0, before.memory_used or 0)
            found[job] = Usage(**(vars(before) | {"memory_used": most}))
    return found


def _memory_a_node(asked: str, allocated: str, nodes: str) -> int | None:
    """Older releases end the amount with n, a node, or c, a core; newer ones tell the job's whole memory."""
    if asked.endswith("n"):
        return _memory(asked[:-1])
    cores = re.search(r"\bcpu=([0-9]{1,9})\b", allocated)
    whole = _memory(asked.removesuffix("c"))
    if whole is None or not re.fullmatch(r"[1-9][0-9]{0,8}", nodes):
        return None
    if asked.endswith("c"):
        return whole * int(cores[1]) // int(nodes) if cores else None
    return whole // int(nodes)


def _memory(text: str) -> int | None:
    try:
        return parse_memory(text) if text and not text.endswith("?") else None
    except SpecError:
        return None
