"""The doctor's checks, here and on compute nodes.

`python -P -m attnctl.jobs.doctor.compute_node --workspace ROOT --tag TAG` is one rank of the job that `attnctl doctor
--job` sends: it looks at the same facts where jobs run, and sums a number over all ranks. What it finds goes to
doctor/<tag>/<rank>.json.
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

from attnctl.files import write_atomic
from attnctl.jobs.doctor import checks
from attnctl.jobs.doctor.checks import Check
from attnctl.jobs.runtime.rank import Place
from attnctl.jobs.slurm import queries
from attnctl.jobs.slurm.commands import CommandError, run
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
_RENDEZVOUS_SECONDS = 60.0
_POLL = 1.0


def check_all(config: Config) -> list[Check]:
    """All facts about this machine and its cluster, in the order in which they are shown."""
    parts = [checks.torch(), checks.scheduler(config), checks.data(config), checks.workspace(config)]
    return [checks.python(), *itertools.chain.from_iterable(parts)]


def run_job(
    config: Config, options: SlurmOptions, resources: Resources, patience: float, waiting: Callable[[str], None]
) -> list[Check]:
    """Send the two-minute job and return what its ranks found; each check's name says on which node.

    patience: seconds to wait for it all; then the job is cancelled, as on Ctrl-C. waiting: called with the job's state
    in words when it changes. Raises SubmitError and SlurmUnavailable.
    """
    tag = new_tag()
    asked = dataclasses.replace(resources, minutes=JOB_MINUTES)
    config.workspace.submission_logs(tag).mkdir(parents=True, exist_ok=True)
    script = compose(config, options, asked, 1, tag, module="attnctl.jobs.doctor.compute_node")
    try:
        array = run(["sbatch", "--parsable"], stdin=script).strip().partition(";")[0]
    except CommandError as error:
        _clean(config.workspace, tag)
        raise SubmitError(f"SLURM refuses: {error.words}") from error
    try:
        words = _await(config.workspace, f"{array}_0", tag, asked.world, time.monotonic() + patience, waiting)
        return _collect(config.workspace, tag, asked.world, words)
    finally:
        run(["scancel", "--quiet", array])
        _clean(config.workspace, tag)


def _await(
    workspace: Workspace, job: str, tag: str, world: int, deadline: float, waiting: Callable[[str], None]
) -> str:
    """Wait until all ranks have written or the job has ended; its last state in words."""
    created, words = time.time(), ""
    while time.monotonic() < deadline:
        answer = queries.query({job: tag}, created)[job]
        if isinstance(answer, queries.Known):
            before, words = words, f"{answer.word} {answer.reason}".removesuffix(" None").strip()
            if words != before:
                waiting(f"job {job}: {words}")
        done = len(list(workspace.doctor(tag).glob("[0-9]*.json"))) == world
        if done or isinstance(answer, queries.Absent) or (isinstance(answer, queries.Known) and not answer.active):
            return words
        time.sleep(_POLL)
    return f"still {words}"


def _collect(workspace: Workspace, tag: str, world: int, words: str) -> list[Check]:
    found: list[Check] = []
    for rank in range(world):
        answer = untrusted_json.read_object(workspace.doctor(tag) / f"{rank}.json")
        if answer is None:
            logs = "".join(path.read_text(errors="replace") for path in workspace.submission_logs(tag).glob("*"))
            last = (logs.strip().splitlines() or ["its log is empty"])[-1]
            found.append(Check(f"rank {rank}", False, f"reported nothing; the job is {words}; {last}"))
            continue
        found += untrusted_json.decode(list[Check], answer.get("checks"))
    return list(dict.fromkeys(found))  # two ranks of one node say the same


def _clean(workspace: Workspace, tag: str) -> None:
    for folder in (workspace.submission_logs(tag), workspace.doctor(tag)):
        shutil.rmtree(folder, ignore_errors=True)


# ---------------------------------------------------------------------------------------------- on the compute node


def main() -> None:
    """One rank of the job."""
    parser = argparse.ArgumentParser(
        prog="python -m attnctl.jobs.doctor.compute_node", description="One rank of attnctl doctor --job."
    )
    parser.add_argument("--workspace", type=Path, required=True)
    parser.add_argument("--tag", required=True)
    given = parser.parse_args()
    config = find(given.workspace, Path.cwd(), os.environ)
    place = Place.find(os.environ, None)
    rows = [checks.python(), *checks.torch(), *checks.data(config), *checks.workspace(config)]
    rows = [_named(row, place.node) for row in rows]
    rows.append(_all_reduce(place, Incarnation(config.workspace.doctor(given.tag), (0, place.restart))))
    data = json.dumps({"checks": [dataclasses.asdict(row) for row in rows]}).encode()
    write_atomic(config.workspace.doctor(given.tag) / f"{place.rank}.json", data)


def _asked_for_gpus() -> bool:
    return os.environ.get("SLURM_GPUS_PER_NODE", "0") != "0"


def _named(row: Check, node: str) -> Check:
    """The row as a compute node's; there, GPUs that were asked for and are not seen are a fault."""
    name = f"{node}: {row.name}"
    if row.name == checks.GPUS and row.ok is None and _asked_for_gpus():
        mend = "use --gpus-per-node 0, or ask the cluster's administrators"
        return Check(name, False, "the job holds GPUs and torch sees none", mend)
    return dataclasses.replace(row, name=name)


def _all_reduce(place: Place, incarnation: Incarnation) -> Check:
    """Sum the ranks' numbers over the network that training will use."""
    import torch
    import torch.distributed as dist

    from attnctl.jobs.runtime.rendezvous import RendezvousError, meet

    name = "all-reduce"
    incarnation.path.mkdir(parents=True, exist_ok=True)
    cuda = torch.cuda.is_available() and _asked_for_gpus()
    device = torch.device("cuda", place.local_rank) if cuda else torch.device("cpu")
    backend = "nccl" if cuda else "gloo"
    try:
        store = meet(place, incarnation, lambda: None, _RENDEZVOUS_SECONDS)
        if store is None:
            return Check(name, None, "there is one process only")
        dist.init_process_group(backend, store=store, rank=place.rank, world_size=place.world)
        number = torch.tensor(float(place.rank + 1), device=device)
        start = time.perf_counter()
        dist.all_reduce(number)
        total, seconds = number.item(), time.perf_counter() - start
        dist.destroy_process_group()
    except (RendezvousError, RuntimeError, SpecError) as error:
        return Check(name, False, f"{backend} fails: {error}", "set NCCL_SOCKET_IFNAME or GLOO_SOCKET_IFNAME in setup")
    expected = place.world * (place.world + 1) / 2
    if total != expected:
        return Check(name, False, f"{backend} gives {total} instead of {expected}", "")
    words = f"{backend} over {quantity(place.world, 'rank')} works"
    return Check(name, True, words if place.rank else f"{words}; the first took {1000 * seconds:.0f} ms")


if __name__ == "__main__":
    main()
