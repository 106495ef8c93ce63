"""The faults of a storm, one function each: it meets live runs and gives their ids with words, or None if it met none.

Each leaves the cluster as it found it; `restore` does so, too, whatever has happened.
"""

from __future__ import annotations

import contextlib
import os
import re
import signal
import time
from collections.abc import Callable
from functools import partial

import psutil

from attnctl.workspace.checkpoints import stored
from tests.storm.cluster import controller, daemon, node_up, slurm, start_slurmctld, start_slurmd, throttle, until
from tests.storm.harness import MINUTES, Live, Storm

Met = tuple[list[str], str] | None
FILLER = "filler"
EPOCH = 11
"""Steps, of the digits at this batch."""
LONG_ENOUGH = 120.0
"""Seconds after which what a fault waits for does not come any more."""
FIRST = 4_000_000_000
"""A priority above all that SLURM gives."""


def victim(storm: Storm) -> Live | None:
    """One of the live runs."""
    live = storm.live()
    return storm.rng.choice(live) if live else None


def on(storm: Storm, nodes: tuple[str, ...] | list[str]) -> list[str]:
    """The live runs that have a process on one of these nodes."""
    return [one.run for one in storm.live() if set(one.nodes) & set(nodes)]


def end(process: psutil.Process) -> bool:
    """kill -9; whether there was something to kill."""
    with contextlib.suppress(psutil.Error):
        process.send_signal(signal.SIGKILL)
        return True
    return False


# --------------------------------------------------------------------------------------------------------- processes


def task_killed(storm: Storm) -> Met:
    """kill -9 of one rank."""
    one = victim(storm)
    if one is None:
        return None
    rank = storm.rng.choice(sorted(one.ranks))
    return ([one.run], f"rank {rank} of {one.job} at step {one.step}") if end(one.ranks[rank]) else None


def shell_killed(storm: Storm) -> Met:
    """kill -9 of the batch script's shell."""
    one = victim(storm)
    if one is None or not one.shells:
        return None
    return ([one.run], f"the shell of {one.job} at step {one.step}") if end(one.shells[0]) else None


def checkpoint_cut(storm: Storm) -> Met:
    """A run dies, and its newest checkpoint is half a file."""
    for one in storm.live():
        run = storm.workspace.run(one.run)
        if len(stored(run)) < 2:
            continue
        for process in one.ranks.values():
            end(process)
        until(lambda: not any(process.is_running() for process in one.ranks.values()))  # noqa: B023
        newest = stored(run)[0]
        size = newest.stat().st_size
        os.truncate(newest, storm.rng.randrange(size))
        return [one.run], f"{newest.name} of {one.job}"
    return None


# ---------------------------------------------------------------------------------------------------------- scheduler


def requeued(storm: Storm) -> Met:
    """`scontrol requeue` from outside."""
    one = victim(storm)
    if one is None:
        return None
    slurm("scontrol", "requeue", one.job, check=False)
    return [one.run], f"{one.job} at step {one.step}"


def preempted(storm: Storm) -> Met:
    """A job of the higher partition takes a whole node."""
    one = victim(storm)
    if one is None:
        return None
    node = storm.rng.choice(one.nodes)
    met = on(storm, [node])
    command = ["--partition=high", f"--nodelist={node}", "--exclusive", "--time=1", "--wrap=sleep 2"]
    job = slurm("sbatch", "--parsable", "--output=/dev/null", "--job-name=storm-urgent", *command)
    began = until(lambda: slurm("squeue", "-h", "-t", "all", "-o", "%T", "-j", job) not in {"", "PENDING"})
    slurm("scancel", "--quiet", job, check=False)
    return (met, f"{node} by {job}") if began else None


def limited(storm: Storm) -> Met:
    """The time limit comes, which SLURM looks for every half minute."""
    one = victim(storm)
    if one is None:
        return None
    slurm("scontrol", "update", f"jobid={one.job}", "timelimit=1", check=False)
    met = until(lambda: not any(process.is_running() for process in one.ranks.values()))
    slurm("scontrol", "update", f"jobid={one.job}", f"timelimit={MINUTES}", check=False)  # else it starts for seconds
    return ([one.run], f"{one.job} at step {one.step}") if met else None


def node_down(storm: Storm) -> Met:
    """A node is set down, and resumed."""
    one = victim(storm)
    if one is None:
        return None
    node = storm.rng.choice(one.nodes)
    met = on(storm, [node])
    slurm("scontrol", "update", f"nodename={node}", "state=down", "reason=storm")
    time.sleep(storm.rng.uniform(0.5, 2))
    node_up(node)
    return met, node


def slurmd_killed(storm: Storm) -> Met:
    """A node's daemon dies; its tasks train on beside the successors that SLURM starts elsewhere. Then it is back."""
    live = [one for one in storm.live() if one.shells and len(one.nodes) == 1]  # SLURM ends what other nodes have
    if not live:
        return None
    one = live[0]  # with most work left
    (node,) = one.nodes
    met = on(storm, [node])
    os.kill(daemon(node), signal.SIGKILL)
    slurm("scontrol", "update", f"nodename={node}", "state=down", "reason=storm")
    array = one.job.partition("_")[0]
    throttle(array, 2 * storm.size.parallel)  # its other tasks have taken the place of these by now
    slurm("scontrol", "update", f"jobid={one.job}", f"priority={FIRST}", check=False)
    number, restart = one.incarnation.token
    successor = storm.trace / f"{one.run}-{number}.{restart + 1}"

    def steps() -> int:
        return len(successor.read_text().splitlines()) if successor.exists() else 0

    until(lambda: steps() > EPOCH or not (steps() or one.ranks[0].is_running()), 2 * LONG_ENOUGH)
    start_slurmd(node)
    node_up(node)
    throttle(array, storm.size.parallel)
    return met, f"{node}, {steps()} steps of {one.run} elsewhere"


def slurmctld_killed(storm: Storm) -> Met:
    """The controller dies and is started again."""
    live = [one.run for one in storm.live()]
    os.kill(controller(), storm.rng.choice([signal.SIGKILL, signal.SIGTERM]))
    time.sleep(storm.rng.uniform(0.2, 2))
    storm.attnctl("status", "--json")  # asks a controller that is not there
    start_slurmctld()
    return (live, "") if live else None


def sacct_fails(storm: Storm) -> Met:
    """The accounting does not answer while commands ask."""
    live = [one.run for one in storm.live()]
    shim = storm.bin / "sacct"
    shim.write_text("#!/bin/sh\necho 'sacct: error: Problem talking to the database: Connection refused' >&2\nexit 1\n")
    shim.chmod(0o755)
    try:
        for _ in range(2):
            storm.attnctl("resume", "--json")
            storm.attnctl("status", "--json")
    finally:
        shim.unlink()
    return (live, "") if live else None


# ------------------------------------------------------------------------------------------------------------ command


def killed_in_submit(storm: Storm, point: str) -> Met:
    """A run dies, and the command that resumes it is killed, too."""
    one = victim(storm)
    if one is None or not end(one.ranks[0]):
        return None
    if not until(lambda: storm.states().get(one.run) == "killed", LONG_ENOUGH):
        return None
    done = storm.attnctl("resume", "--json", die=f"submit:{point}")
    return ([one.run], f"{one.job} at step {one.step}") if done.returncode == -signal.SIGKILL else None


def killed_in_ingest(storm: Storm) -> Met:
    """`status` is killed while it takes in the logs."""
    live = [one.run for one in storm.live()]
    place = storm.rng.randint(1, max(1, len(live)))
    done = storm.attnctl("status", "--json", die=f"ingest:{place}")
    return (live, f"at log {place}") if live and done.returncode == -signal.SIGKILL else None


def disk_full(storm: Storm) -> Met:
    """Nothing can be written until a run has come to an epoch's end, where it saves."""
    live = storm.live()
    before = {one.run: epochs(storm, one) for one in live}

    def met() -> list[str]:
        over = all(epochs(storm, one) == storm.size.epochs for one in live)
        return [one.run for one in live if over or epochs(storm, one) > before[one.run]]

    filler = storm.root / FILLER
    try:
        with contextlib.suppress(OSError), filler.open("wb", buffering=0) as stream:
            while True:
                stream.write(bytes(1 << 16))
        with contextlib.suppress(OSError), filler.open("ab", buffering=0) as stream:
            while True:
                stream.write(bytes(1 << 9))
        until(lambda: bool(met()), LONG_ENOUGH)
        storm.attnctl("status", "--json")
        storm.attnctl("resume", "--json")
        runs = met()
    finally:
        filler.unlink(missing_ok=True)
    return (runs, "") if runs else None


def epochs(storm: Storm, one: Live) -> int:
    """Whole epochs that the run has come through, by the steps that this start of it has trained."""
    number, restart = one.incarnation.token
    path = storm.trace / f"{one.run}-{number}.{restart}"
    lines = path.read_text().splitlines() if path.exists() else []
    return int(lines[-1].partition(" ")[0]) // EPOCH if lines else 0


FAULTS: dict[str, Callable[[Storm], Met]] = {
    "task killed": task_killed,
    "shell killed": shell_killed,
    "requeue": requeued,
    "preemption": preempted,
    "time limit": limited,
    "node down": node_down,
    "slurmd killed": slurmd_killed,
    "slurmctld restarted": slurmctld_killed,
    "sacct fails": sacct_fails,
    "killed reserving": partial(killed_in_submit, point="reserve"),
    "killed before sbatch": partial(killed_in_submit, point="before"),
    "killed after sbatch": partial(killed_in_submit, point="after"),
    "killed in ingest": killed_in_ingest,
    "checkpoint cut": checkpoint_cut,
    "disk full": disk_full,
}
"""By the names that reports use."""


def restore(storm: Storm) -> None:
    """The cluster as it was: its daemons run, its nodes are up, nothing of ours is in the queue."""
    (storm.root / FILLER).unlink(missing_ok=True)
    (storm.bin / "sacct").unlink(missing_ok=True)
    if not psutil.pid_exists(controller()):
        start_slurmctld()
    slurm("scancel", "--quiet", "--name=storm-urgent", check=False)
    for node in slurm("sinfo", "-h", "-N", "-o", "%N", "-p", "main").split():
        if not psutil.pid_exists(daemon(node)):
            start_slurmd(node)
        if re.search("down|drain", slurm("sinfo", "-h", "-n", node, "-p", "main", "-o", "%T")):
            node_up(node)
