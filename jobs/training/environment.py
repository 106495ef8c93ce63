"""The machine a rank runs on: its device, its threads, and the record of it in env.json."""

from __future__ import annotations

import contextlib
import importlib.metadata
import json
import os
import platform
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch

from attnctl.files import write_atomic
from attnctl.jobs.runtime.rank import Place
from attnctl.jobs.submission import code_snapshot
from attnctl.values import SpecError
from attnctl.workspace import untrusted_json
from attnctl.workspace.layout import Incarnation, RunDir, Workspace
from attnctl.workspace.records import RecordError, Resources


def choose_device(resources: Resources, local_rank: int) -> torch.device:
    """The device of a rank: the GPU of its local rank, or the only one it can see, or the CPU. Raises SpecError."""
    wanted = resources.device
    if wanted == "cpu" or (wanted == "auto" and resources.gpus_per_node == 0):
        return torch.device("cpu")
    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if count == 0:
        built = f"is built for CUDA {torch.version.cuda}" if torch.version.cuda else "is built without CUDA"
        raise SpecError(
            f"this run asked for a GPU, but torch {torch.__version__} sees none on {socket.gethostname()} "
            f"(it {built}); ask for --gpus-per-node, install the torch build for this driver, or train on the CPU"
        )
    index = local_rank if count > 1 else 0  # with --gpus-per-task each process sees its own GPU alone, as number 0
    if index >= count:
        raise SpecError(f"process {local_rank} of this node has no GPU: torch sees {count}; ask for one per process")
    torch.cuda.set_device(index)
    return torch.device("cuda", index)


@contextlib.contextmanager
def deterministic(device: torch.device, has_dynamic_graph: bool) -> Iterator[None]:
    """Have torch add in a fixed order on the CPU, where a detector's indexed sums are else shared among threads.

    An operation that cannot is told in the log. Classifiers need none of it, and GPUs promise no equal bits.
    """
    if device.type != "cpu" or not has_dynamic_graph:
        yield
        return
    filling: Any = torch.utils.deterministic
    before = torch.get_deterministic_debug_mode(), filling.fill_uninitialized_memory
    torch.use_deterministic_algorithms(True, warn_only=True)
    filling.fill_uninitialized_memory = False  # it costs time, and no operation here reads what it has not written
    try:
        yield
    finally:
        torch.set_deterministic_debug_mode(before[0])
        filling.fill_uninitialized_memory = before[1]


def first_threads(run: RunDir, resources: Resources) -> int:
    """Threads per rank: those of the run's first incarnation, else one per CPU that the process may use.

    Their number decides in which order the CPU adds, so it must not change when a run goes on elsewhere.
    """
    for attempt in run.attempts():
        for incarnation in attempt.incarnations():
            threads = _recorded_threads(incarnation)
            if threads:
                return threads
    return max(1, min(resources.cpus_per_task, len(os.sched_getaffinity(0))))


def _recorded_threads(incarnation: Incarnation) -> int:
    try:
        document = incarnation.machine() or {}
    except RecordError:
        return 0  # killed before it wrote the record: then it has trained nothing either
    return int(document["threads"]) if untrusted_json.fits(document.get("threads"), int) else 0


def record(incarnation: Incarnation, place: Place, device: torch.device, threads: int, workspace: Workspace) -> None:
    """Write env.json: what is needed to say on what, and by which code, a number was measured."""
    document = describe(place, device, threads, code_snapshot.describe(workspace, os.environ))
    write_atomic(incarnation.env, json.dumps(document, indent=1).encode() + b"\n")


def describe(place: Place, device: torch.device, threads: int, code: dict[str, Any]) -> dict[str, Any]:
    """The machine and the software, as JSON values. code: as `code_snapshot.describe` gives it."""
    cuda = device.type == "cuda"
    return {
        "started": time.time(),
        "job_id": place.job_id,
        "host": socket.gethostname(),
        "node": place.node,
        "world": place.world,
        "threads": threads,
        "device": device.type,
        "gpus": [torch.cuda.get_device_name(index) for index in range(torch.cuda.device_count())] if cuda else [],
        "cpu": _cpu(),
        "instruction_set": torch.backends.cpu.get_cpu_capability(),
        "platform": platform.platform(),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "cuda": torch.version.cuda if cuda else None,
        "driver": _driver() if cuda else None,
        "cudnn": torch.backends.cudnn.version() if cuda else None,  # type: ignore[no-untyped-call]
        "packages": {item.name: item.version for item in importlib.metadata.distributions() if item.name},
        "commit": f"{code['commit']}{'+' if code.get('patch') else ''}" if code.get("commit") else None,
        "code": code,
    }


def _cpu() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        return platform.processor()
    return platform.processor()


def _driver() -> str | None:
    """The version of the GPUs' driver."""
    for path in (Path("/sys/module/nvidia/version"), Path("/proc/driver/nvidia/version")):
        try:
            return path.read_text().strip().splitlines()[0]
        except (OSError, IndexError):
            continue
    return None
