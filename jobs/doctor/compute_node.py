"""Runs the checks of `attnctl doctor`, on this machine and, with --job, on compute nodes.

`attnctl doctor --job` submits a short job; each of its ranks runs `python -P -m attnctl.jobs.doctor.compute_node
--workspace ROOT --tag TAG`, which repeats the checks on its node, sums a number over all ranks, and writes the results
to doctor/<tag>/<rank>.json.
"""

from __future__ import annotations

import argparse
import dataclasses
import itertools
import json
import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path

from attnctl.files import read_regular, write_atomic
from attnctl.jobs.doctor import checks
from attnctl.jobs.doctor.checks import Check
from attnctl.jobs.runtime.rank import Worker
from attnctl.jobs.slurm import queries
from attnctl.jobs.slurm.adopt import SBATCH_TIMEOUT
from attnctl.jobs.slurm.commands import CommandError, on_cluster, run
from attnctl.jobs.slurm.job import Job, login_name
from attnctl.jobs.slurm.sbatch import submit_script
from attnctl.jobs.submission.reserve import new_tag
from attnctl.jobs.submission.script import compose
from attnctl.jobs.submission.submit import SubmitError
from attnctl.settings.config import Config, SlurmOptions, find
from attnctl.units import quantity
from attnctl.values import SpecError
from attnctl.workspace import untrusted_json
from attnctl.workspace.layout import Incarnation, Workspace
from attnctl.workspace.records import Resources

__all__ = ["Check", "check_all", "run_job"]

JOB_MINUTES = 2
_RENDEZVOUS_TIMEOUT = 60.0
_POLL_INTERVAL = 1.0


def check_all(config: Config) -> list[Check]:
    """All checks of this machine and its cluster, in display order."""
    parts = [checks.torch(), checks.scheduler(config), checks.data(config), checks.workspace(config)]
    return [checks.python(), *itertools.chain.from_iterable(parts)]


def run_job(
    config: Config, options: SlurmOptions, resources: Resources, patience: float, report: Callable[[str], None]
) -> list[Check]:
    """Submit the two-minute job and return the checks of its ranks; each check's name begins with the node.

    patience: seconds to wait until the job has ended; after that, and on Ctrl-C, it is cancelled. report: called with
    a line of text when the job's state changes. Raises SubmitError and SlurmUnavailable, and SpecError when the
    settings are not trusted.
    """
    config.check_may_act()
    tag = new_tag()
    request = dataclasses.replace(resources, minutes=JOB_MINUTES)
    config.workspace.submission_logs(tag).mkdir(parents=True, exist_ok=True)
    script = compose(config, options, request, 1, tag, module="attnctl.jobs.doctor.compute_node")
    created = time.time()
    try:
        accepted = submit_script(script, SBATCH_TIMEOUT)
        if accepted is None:
            raise CommandError("sbatch printed no job id")
    except CommandError as error:
        _clean(config.workspace, tag)
        raise SubmitError(f"SLURM rejects the job: {error.message}") from error
    job = Job(id=f"{accepted.job_id}_0", tag=tag, owner=login_name(), created=created, cluster=accepted.cluster)
    try:
        state = _await(config.workspace, job, request.world, time.monotonic() + patience, report)
        return _collect(config.workspace, tag, request.world, state)
    finally:
        run(["scancel", *on_cluster(accepted.cluster), "--quiet", accepted.job_id])
        _clean(config.workspace, tag)


def _await(workspace: Workspace, job: Job, world: int, deadline: float, report: Callable[[str], None]) -> str:
    """Wait until all ranks have written their results or the job has ended; returns the job's last state."""
    state = ""
    while time.monotonic() < deadline:
        answer = queries.query([job])[job]
        if isinstance(answer, queries.JobStatus):
            previous, state = state, f"{answer.state} {answer.reason}".removesuffix(" None").strip()
            if state != previous:
                report(f"job {job.id}: {state}")
        done = len(list(workspace.doctor(job.tag).glob("[0-9]*.json"))) == world
        if done or isinstance(answer, queries.Absent) or (isinstance(answer, queries.JobStatus) and not answer.active):
            return state
        time.sleep(_POLL_INTERVAL)
    return f"still {state}"


def _collect(workspace: Workspace, tag: str, world: int, state: str) -> list[Check]:
    collected: list[Check] = []
    for rank in range(world):
        path = workspace.doctor(tag) / f"{rank}.json"
        try:
            answer = untrusted_json.read_object(path)
            checks = [] if answer is None else untrusted_json.decode(list[Check], answer.get("checks"))
        except ValueError as error:
            collected.append(Check(f"rank {rank}", False, f"its answer in {path} is damaged: {error}"))
            continue
        if answer is None:
            logs = "".join(
                read_regular(path).decode(errors="replace") for path in workspace.submission_logs(tag).glob("*")
            )
            last_line = (logs.strip().splitlines() or ["its log is empty"])[-1]
            message = f"reported nothing; state of the job: {state or 'unknown'}; {last_line}"
            collected.append(Check(f"rank {rank}", False, message))
            continue
        collected += checks
    return list(dict.fromkeys(collected))  # ranks on the same node report the same checks


def _clean(workspace: Workspace, tag: str) -> None:
    for folder in (workspace.submission_logs(tag), workspace.doctor(tag)):
        shutil.rmtree(folder, ignore_errors=True)


# ---------------------------------------------------------------------------------------------- on the compute node


def main() -> None:
    """Run the checks as one rank of the job."""
    parser = argparse.ArgumentParser(
        prog="python -m attnctl.jobs.doctor.compute_node", description="One rank of attnctl doctor --job."
    )
    parser.add_argument("--workspace", type=Path, required=True)
    parser.add_argument("--tag", required=True)
    arguments = parser.parse_args()
    config = find(arguments.workspace, Path.cwd(), os.environ)
    worker = Worker.from_environment(os.environ, None)
    rows = [checks.python(), *checks.torch(), *checks.data(config), *checks.workspace(config)]
    rows = [_on_node(row, worker.node) for row in rows]
    folder = config.workspace.doctor(arguments.tag)
    rows.append(_all_reduce(worker, Incarnation(folder, (0, worker.restart))))
    data = json.dumps({"checks": [dataclasses.asdict(row) for row in rows]}).encode()
    write_atomic(folder / f"{worker.rank}.json", data)


def _requests_gpus() -> bool:
    """Whether SLURM allocated GPUs to the job, however it was asked (sbatch(1), OUTPUT ENVIRONMENT VARIABLES)."""
    names = ("SLURM_GPUS_PER_NODE", "SLURM_GPUS_ON_NODE", "SLURM_GPUS_PER_TASK", "SLURM_GPUS", "SLURM_JOB_GPUS")
    return any(os.environ.get(name, "0") != "0" for name in names)


def _on_node(row: Check, node: str) -> Check:
    """The check with the node in its name. If the job requested GPUs, having none is a fault on a compute node."""
    name = f"{node}: {row.name}"
    if row.name == checks.GPUS and row.ok is None and _requests_gpus():
        fix = "use --gpus-per-node 0, or ask the cluster's administrators"
        return Check(name, False, "the job has GPUs allocated, but torch detects none", fix)
    return dataclasses.replace(row, name=name)


def _all_reduce(worker: Worker, incarnation: Incarnation) -> Check:
    """Sum a number over the ranks on the network that training will use."""
    import torch
    import torch.distributed as dist

    from attnctl.jobs.runtime.rendezvous import RendezvousError, meet

    name = "all-reduce"
    incarnation.path.mkdir(parents=True, exist_ok=True)
    cuda = torch.cuda.is_available() and _requests_gpus()
    device = torch.device("cuda", worker.local_rank) if cuda else torch.device("cpu")
    backend = "nccl" if cuda else "gloo"
    try:
        store = meet(worker, incarnation, lambda: None, _RENDEZVOUS_TIMEOUT)
        if store is None:
            return Check(name, None, "skipped: the job has only one process")
        dist.init_process_group(backend, store=store, rank=worker.rank, world_size=worker.world)
        number = torch.tensor(float(worker.rank + 1), device=device)
        start = time.perf_counter()
        dist.all_reduce(number)
        total, seconds = number.item(), time.perf_counter() - start
        dist.destroy_process_group()
    except (SpecError, OSError) as error:  # of the file in which the ranks meet
        return Check(
            name, False, str(error), "the workspace must be on a file system whose file locks (flock) hold on all nodes"
        )
    except (RendezvousError, RuntimeError) as error:
        return Check(name, False, f"{backend} fails: {error}", "set NCCL_SOCKET_IFNAME or GLOO_SOCKET_IFNAME in setup")
    expected = worker.world * (worker.world + 1) / 2
    if total != expected:
        return Check(name, False, f"{backend} returned {total} instead of {expected}", "")
    message = f"{backend} works over {quantity(worker.world, 'rank')}"
    return Check(name, True, message if worker.rank else f"{message}; the first call took {1000 * seconds:.0f} ms")


if __name__ == "__main__":
    main()
