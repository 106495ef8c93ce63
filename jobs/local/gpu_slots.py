"""What this machine has for runs, without importing torch; and how many runs at once it is divided among."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass

from attnctl.units import quantity
from attnctl.values import SpecError
from attnctl.workspace.records import Resources


@dataclass(frozen=True)
class Slot:
    """A share of the machine for one run. gpus: CUDA device names; threads: of each of its processes."""

    gpus: tuple[str, ...]
    threads: int

    def environment(self) -> dict[str, str]:
        """The variables that hold a process to its share."""
        threads = str(self.threads)
        chosen = {"OMP_NUM_THREADS": threads, "MKL_NUM_THREADS": threads}
        return chosen | ({"CUDA_VISIBLE_DEVICES": ",".join(self.gpus)} if self.gpus else {})


def gpus() -> list[str]:
    """The CUDA devices that may be used: those of CUDA_VISIBLE_DEVICES, else what nvidia-smi lists."""
    chosen = os.environ.get("CUDA_VISIBLE_DEVICES")
    if chosen is not None:
        return [part.strip() for part in chosen.split(",") if part.strip() not in {"", "-1", "NoDevFiles"}]
    try:
        done = subprocess.run(["nvidia-smi", "-L"], capture_output=True, text=True, timeout=20, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return []
    listed = [line for line in done.stdout.splitlines() if line.startswith("GPU ")]
    return [str(number) for number in range(len(listed))] if done.returncode == 0 else []


def cores() -> int:
    """The cores that this process may run on."""
    return len(os.sched_getaffinity(0))


def slots(resources: Resources, runs: int, parallel: int | None) -> list[Slot]:
    """The shares for `runs` runs, `parallel` at once (None: as many as there are GPUs, or cores, for them).

    Cores are shared out whole, at least one thread a process, so that two small runs on two cores take one each. Raises
    SpecError when one run needs more GPUs than there are.
    """
    needed = resources.gpus_per_node * resources.nodes
    devices = gpus() if needed else []
    if needed > len(devices):
        raise SpecError(
            f"a run needs {quantity(needed, 'GPU')} and this machine offers {len(devices)}; see --gpus-per-node"
        )
    asked = resources.world * resources.cpus_per_task
    fitting = len(devices) // needed if needed else max(1, cores() // asked)
    count = max(1, min(runs, parallel or fitting, fitting if needed else runs))
    threads = max(resources.cpus_per_task if not needed else 1, cores() // (count * resources.world))
    return [Slot(tuple(devices[needed * k : needed * (k + 1)]), max(1, threads)) for k in range(count)]
