"""Divides this machine's GPUs and cores among runs that train at the same time. Does not import torch."""

from __future__ import annotations

import os
import re
import subprocess
from dataclasses import dataclass

from attnctl.units import quantity
from attnctl.values import SpecError
from attnctl.workspace.records import Resources


@dataclass(frozen=True)
class Slot:
    """One run's share of the machine. gpus: CUDA device ids; threads: per process."""

    gpus: tuple[str, ...]
    threads: int

    def environment(self) -> dict[str, str]:
        """The environment variables that limit a process to its share."""
        threads = str(self.threads)
        variables = {"OMP_NUM_THREADS": threads, "MKL_NUM_THREADS": threads}
        return variables | ({"CUDA_VISIBLE_DEVICES": ",".join(self.gpus)} if self.gpus else {})


def gpus() -> list[str]:
    """The usable CUDA devices: those in CUDA_VISIBLE_DEVICES if it is set, else those that nvidia-smi lists."""
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is not None:
        return [part.strip() for part in visible.split(",") if part.strip() not in {"", "-1", "NoDevFiles"}]
    try:
        done = subprocess.run(["nvidia-smi", "-L"], capture_output=True, text=True, timeout=20, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return []
    lines = [line for line in done.stdout.splitlines() if line.startswith("GPU ")]
    return [str(number) for number in range(len(lines))] if done.returncode == 0 else []


def memory() -> list[tuple[int, int]]:
    """The used and the total MB of each usable GPU, whatever processes use it; none where nvidia-smi does not say."""
    devices = gpus()
    command = ["nvidia-smi", "--query-gpu=memory.used,memory.total", "--format=csv,noheader,nounits"]
    try:
        done = subprocess.run(
            [*command, f"--id={','.join(devices)}"], capture_output=True, text=True, timeout=20, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return []
    found = [re.fullmatch(r"\s*(\d+),\s*(\d+)\s*", line) for line in done.stdout.splitlines()]
    return [(int(line[1]), int(line[2])) for line in found if line is not None] if devices else []


def cores() -> int:
    """The number of cores that this process may use."""
    return len(os.sched_getaffinity(0))


def slots(resources: Resources, runs: int, parallel: int | None) -> list[Slot]:
    """The shares for `runs` runs of which `parallel` train at once (None: as many as the GPUs or cores allow).

    All cores are assigned, at least one thread per process: two small runs on two cores get one core each. Raises
    SpecError if one run needs more GPUs than this machine has.
    """
    needed = resources.gpus_per_node * resources.nodes
    devices = gpus() if needed else []
    if needed > len(devices):
        raise SpecError(
            f"a run needs {quantity(needed, 'GPU')}, but this machine has {len(devices)}; lower --gpus-per-node"
        )
    cpus = resources.world * resources.cpus_per_task
    fitting = len(devices) // needed if needed else max(1, cores() // cpus)
    count = max(1, min(runs, parallel or fitting, fitting if needed else runs))
    threads = max(resources.cpus_per_task if not needed else 1, cores() // (count * resources.world))
    return [Slot(tuple(devices[needed * k : needed * (k + 1)]), max(1, threads)) for k in range(count)]
