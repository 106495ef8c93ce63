"""Which rank of which job a worker process is, and on which restart. Does not import torch."""

from __future__ import annotations

import socket
from collections.abc import Mapping
from dataclasses import dataclass

from attnctl.values import SpecError


@dataclass(frozen=True, kw_only=True)
class Worker:
    """One process of a job. task: index in `Submission.tasks`; end: the job's time limit, in Unix seconds."""

    job_id: str
    task: int
    rank: int
    world: int
    local_rank: int
    restart: int
    node: str
    on_slurm: bool
    end: float | None = None

    @classmethod
    def from_environment(cls, environ: Mapping[str, str], task: int | None) -> Worker:
        """Read the variables of the local runner or, if they are not set, of SLURM. Raises SpecError if neither is."""
        if "ATTNCTL_JOB_ID" in environ:
            return cls._local(environ, task or 0)
        if "SLURM_JOB_ID" in environ:
            return cls._slurm(environ, task)
        raise SpecError("start workers with attnctl sweep or resume: neither ATTNCTL_JOB_ID nor SLURM_JOB_ID is set")

    @classmethod
    def _local(cls, environ: Mapping[str, str], task: int) -> Worker:
        return cls(
            job_id=environ["ATTNCTL_JOB_ID"],
            task=task,
            rank=int(environ.get("RANK", "0")),
            world=int(environ.get("WORLD_SIZE", "1")),
            local_rank=int(environ.get("LOCAL_RANK", "0")),
            restart=0,
            node=socket.gethostname(),
            on_slurm=False,
        )

    @classmethod
    def _slurm(cls, environ: Mapping[str, str], task: int | None) -> Worker:
        from submitit.slurm.slurm import SlurmJobEnvironment

        job = SlurmJobEnvironment()
        end = environ.get("SLURM_JOB_END_TIME", "")
        return cls(
            job_id=job.job_id,
            task=int(job.array_task_id or 0) if task is None else task,
            rank=job.global_rank,
            world=job.num_tasks,
            local_rank=job.local_rank,
            restart=int(environ.get("SLURM_RESTART_COUNT") or 0),
            # Several nodes of a test cluster can share a machine, and with it the host name.
            node=environ.get("SLURMD_NODENAME") or socket.gethostname(),
            on_slurm=True,
            end=float(end) if end.isdecimal() else None,
        )
