"""The cluster of a storm, as its administrator handles it: commands, nodes and daemons."""

from __future__ import annotations

import os
import re
import subprocess
import time
from collections.abc import Callable
from functools import cache
from pathlib import Path

from tests.storm.harness import PATIENCE

BUSY = "timed out|Unable to contact"


def until(true: Callable[[], bool], seconds: float = PATIENCE) -> bool:
    """Whether it became true in that time."""
    end = time.monotonic() + seconds
    while not true():
        if time.monotonic() > end:
            return False
        time.sleep(0.2)
    return True


def slurm(*command: str, check: bool = True) -> str:
    """What a command of SLURM prints; a controller that is too busy to answer is asked again."""
    end = time.monotonic() + PATIENCE
    while True:
        done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE)
        if not (check and done.returncode):
            return done.stdout.strip()
        if not re.search(BUSY, done.stderr) or time.monotonic() > end:
            raise AssertionError(f"{' '.join(command)}: {done.stderr}")
        time.sleep(1)


@cache
def setting(name: str) -> str:
    """One of the cluster's settings, from its file: the controller may not be there to ask."""
    found = re.search(rf"^{name}\s*=\s*(\S+)", Path(os.environ["SLURM_CONF"]).read_text(), re.MULTILINE)
    assert found is not None, name
    return found[1]


def node_up(node: str) -> None:
    """The node takes jobs again."""
    slurm("scontrol", "update", f"nodename={node}", "state=resume", check=False)
    assert until(lambda: not re.search("down|drain", slurm("sinfo", "-h", "-n", node, "-o", "%T"))), node


def throttle(array: str, tasks: int) -> None:
    """How many tasks of the array may run at once; it may have ended."""
    slurm("scontrol", "update", f"jobid={array}", f"arraytaskthrottle={tasks}", check=False)


def daemon(node: str) -> int:
    """The process id of a node's slurmd."""
    return int(Path(setting("SlurmdPidFile").replace("%n", node)).read_text())


def controller() -> int:
    """The process id of slurmctld."""
    return int(Path(setting("SlurmctldPidFile")).read_text())


def start_slurmd(node: str) -> None:
    """Start a node's daemon."""
    subprocess.run(["slurmd", "-N", node], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def start_slurmctld() -> None:
    """Start the controller, and wait until it answers."""
    for _ in range(5):
        subprocess.run(["slurmctld"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        if until(lambda: "is UP" in slurm("scontrol", "ping", check=False), 30):
            return
    raise AssertionError("slurmctld does not start again")
