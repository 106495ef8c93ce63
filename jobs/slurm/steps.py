"""The steps of a job that trains several runs: each run is one srun inside the job's allocation.

Tried on SLURM 22.05: a step that is ended for its memory, killed or done leaves the others alone. srun hands SIGUSR2 on
to the run's processes, whereas SIGTERM makes it kill them (srun(1), SIGNALS AND ESCAPE SEQUENCES). When the job is
cancelled or preempted, slurmd signals the processes of all steps itself.
"""

from __future__ import annotations

import contextlib
import re
import signal
from collections.abc import Mapping

from attnctl.jobs.slurm.commands import CommandError, run
from attnctl.settings.memory_request import RESERVE
from attnctl.units import parse_elapsed, parse_memory
from attnctl.values import SpecError

STOP = signal.SIGUSR2
"""What srun hands on to the processes of a step, which then save and exit."""

KILL = signal.SIGTERM
"""What makes srun kill the processes of its step."""

_OF_THE_JOB = re.compile(r"SLURM_(NTASKS|NPROCS|CPUS_PER_TASK|TRES_PER_TASK|MEM_PER_\w+|DISTRIBUTION|CPU_BIND\w*)")
"""Variables in which the job's script finds its own options; srun takes them for options of the step (srun(1))."""


_AMOUNTS = ("MEM_PER_NODE", "MEM_PER_CPU", "CPUS_ON_NODE")


def options(world: int, *, shares: bool) -> list[str]:
    """The options of srun for a run of `world` processes.

    shares: whether it uses the same GPUs as the other steps, or cores that SLURM does not divide among them. A step
    with --exact gets cores of its own, and waits for GPUs that another step has; one with --overlap shares both, and
    without --cpu-bind=none all steps would be bound to the same cores (srun(1)).
    """
    return ["--nodes=1", f"--ntasks={world}", *(["--overlap", "--cpu-bind=none"] if shares else ["--exact"])]


def environment(environ: Mapping[str, str]) -> dict[str, str]:
    """The environment of srun: that of the job's script without the shape of the whole job."""
    return {name: value for name, value in environ.items() if not _OF_THE_JOB.fullmatch(name)}


def memory(environ: Mapping[str, str], job_id: str, runs: int) -> list[str]:
    """The option that limits the memory of each step to its share; none where SLURM does not manage memory.

    environ: that of the job's script. Of --mem-per-gpu it does not have the result, so that SLURM is asked.
    """
    per_node, per_cpu, cpus = (environ.get(f"SLURM_{name}", "") for name in _AMOUNTS)
    total: int | None = None
    if per_node.isdecimal():
        total = int(per_node)
    elif per_cpu.isdecimal() and cpus.isdecimal():
        total = int(per_cpu) * int(cpus)
    else:
        with contextlib.suppress(CommandError):
            total = allocated_memory(run(["scontrol", "show", "job", "-o", job_id]))
    return [f"--mem={share(total, runs)}M"] if total else []


def runs_now(job_id: str, restart: int) -> bool | None:
    """Whether SLURM still runs this start of a job; None if it does not answer.

    It does not if it took the node for lost: then it starts the job again elsewhere, although what the job has started
    on this node may go on. restart: how often SLURM had restarted the job.
    """
    try:
        text = run(["scontrol", "show", "job", "-o", job_id])
    except CommandError:
        return None
    restarts = re.search(r"\bRestarts=(\d+)", text)
    return "JobState=RUNNING" in text and (restarts is None or int(restarts[1]) == restart)


def seconds_left(job_id: str) -> float | None:
    """The time that is left of a running job; None if it has no limit, or if SLURM does not answer."""
    try:
        return parse_elapsed(run(["squeue", "-h", "-j", job_id, "-o", "%L"]).strip()) or None
    except CommandError:
        return None


def share(total: int, runs: int) -> int:
    """MB of one run in a job that has `total`. A little stays for the job's script."""
    return max(1, (total - min(RESERVE, total // 8)) // runs)


def allocated_memory(text: str) -> int | None:
    """MB of a job on its only node, as `scontrol show job -o` prints it; None if SLURM does not manage memory.

    The field is called TRES, since 23.02 AllocTRES (scontrol(1)).
    """
    found = re.search(r"\b(?:Alloc)?TRES=\S*?\bmem=([0-9.]+[KMGTP]?)", text)
    try:
        return parse_memory(found[1]) if found is not None else None
    except SpecError:
        return None
