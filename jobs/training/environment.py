"""The device and threads of a rank, and the record of its machine in env.json."""

from __future__ import annotations

import contextlib
import importlib.metadata
import json
import os
import platform
import socket
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import torch

from attnctl.files import write_atomic
from attnctl.jobs.runtime import cpu_energy, gpu_counters
from attnctl.jobs.runtime.rank import Worker
from attnctl.jobs.runtime.usage import UsageRecorder
from attnctl.jobs.submission import code_snapshot
from attnctl.values import SpecError
from attnctl.workspace import untrusted_json
from attnctl.workspace.layout import Incarnation, RunDir, Workspace
from attnctl.workspace.records import RecordError, Resources

_HANDED_OUT = (
    "CUDA_VISIBLE_DEVICES",
    "HIP_VISIBLE_DEVICES",
    "ROCR_VISIBLE_DEVICES",
    "SLURM_GPUS_ON_NODE",
    "SLURM_JOB_GPUS",
    "SLURM_STEP_GPUS",
)
"""Variables that are set in a process to which SLURM or the local runner has given GPUs of the node."""


def choose_device(resources: Resources, local_rank: int) -> torch.device:
    """The device of a rank: the GPU of its local rank, the only visible GPU, or the CPU. Raises SpecError."""
    wanted = resources.device
    if wanted == "cpu" or (wanted == "auto" and resources.gpus_per_node == 0):
        return torch.device("cpu")
    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if count == 0:
        build = "it is a CPU-only build"
        if torch.version.cuda or torch.version.hip:
            build = f"it was built for {f'ROCm {hip}' if (hip := torch.version.hip) else f'CUDA {torch.version.cuda}'}"
        raise SpecError(
            f"the run needs a GPU, but torch {torch.__version__} detects none on {socket.gethostname()} ({build}); "
            "use --gpus-per-node, install a torch build for this driver, or train on the CPU with --device cpu"
        )
    # With --gpus-per-task each process sees only its own GPU, as number 0. Where nobody hands out the GPUs of a node,
    # such as on clusters without GRES, all processes see all of them.
    handed_out = any(name in os.environ for name in _HANDED_OUT)
    index = 0 if count == 1 and handed_out else local_rank
    if index >= count:
        raise SpecError(f"process {local_rank} of this node has no GPU: torch detects {count}; request one per process")
    name = torch.cuda.get_device_name(index)
    if resources.world > 1 and " MIG " in name:  # pytorch/pytorch#130181
        raise SpecError(
            f"a run cannot train in {resources.world} processes on MIG slices ({name}): NCCL cannot connect them; "
            "use one slice, or whole GPUs"
        )
    torch.cuda.set_device(index)
    return torch.device("cuda", index)


def watch(usage: UsageRecorder, device: torch.device, *, first: bool) -> None:
    """Begin to read what a process's device uses. first: of the processes on this node; it reads the node's energy."""
    gpu = partial(gpu_counters.of_device, device) if device.type == "cuda" else None
    total = torch.cuda.get_device_properties(device).total_memory if gpu is not None else 0
    usage.watch(gpu, total, (lambda: cpu_energy.CpuEnergy(cpu_energy.POWERCAP).joules) if first else None)


@contextlib.contextmanager
def deterministic(device: torch.device, has_dynamic_graph: bool) -> Iterator[None]:
    """Make torch add in a fixed order on the CPU, where threads otherwise share the indexed sums of a detector.

    Operations that cannot do it are only logged. Classifiers do not need it; GPUs are not bit-identical anyway.
    """
    if device.type != "cpu" or not has_dynamic_graph:
        yield
        return
    utilities: Any = torch.utils.deterministic
    before = torch.get_deterministic_debug_mode(), utilities.fill_uninitialized_memory
    torch.use_deterministic_algorithms(True, warn_only=True)
    utilities.fill_uninitialized_memory = False  # it takes time, and no operation here reads uninitialised memory
    try:
        yield
    finally:
        torch.set_deterministic_debug_mode(before[0])
        utilities.fill_uninitialized_memory = before[1]


def first_threads(run: RunDir, resources: Resources) -> int:
    """Threads per rank: those of the run's first incarnation, else one per usable CPU.

    Their number determines the order of additions on the CPU, so it must not change when a run resumes elsewhere.
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
        return 0  # it was killed while writing the record, before it trained anything
    return int(document["threads"]) if untrusted_json.fits(document.get("threads"), int) else 0


def record(incarnation: Incarnation, worker: Worker, device: torch.device, threads: int, workspace: Workspace) -> None:
    """Write env.json: the machine and the code that the run's results come from."""
    document = describe(worker, device, threads, code_snapshot.describe(workspace, os.environ))
    write_atomic(incarnation.env, json.dumps(document, indent=1).encode() + b"\n")


def describe(worker: Worker, device: torch.device, threads: int, code: dict[str, Any]) -> dict[str, Any]:
    """The machine and the software as JSON values. code: the result of `code_snapshot.describe`."""
    cuda = device.type == "cuda"
    return {
        "started": time.time(),
        "job_id": worker.job_id,
        "host": socket.gethostname(),
        "node": worker.node,
        "world": worker.world,
        "threads": threads,
        "device": device.type,
        "gpus": [torch.cuda.get_device_name(index) for index in range(torch.cuda.device_count())] if cuda else [],
        "cpu": _cpu(),
        "instruction_set": torch.backends.cpu.get_cpu_capability(),
        "platform": platform.platform(),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "cuda": torch.version.cuda if cuda else None,
        "hip": torch.version.hip if cuda else None,  # on AMD GPUs, which torch also calls cuda
        "driver": _driver() if cuda else None,
        "cudnn": torch.backends.cudnn.version() if cuda else None,
        "packages": _packages(),
        "commit": f"{code['commit']}{'+' if code.get('patch') else ''}" if code.get("commit") else None,
        "code": code,
    }


def _packages() -> dict[str, str]:
    """The installed packages and their versions; each file of metadata is parsed once."""
    found = (distribution.metadata for distribution in importlib.metadata.distributions())
    return {fields["Name"]: fields["Version"] for fields in found if "Name" in fields}


def _cpu() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        return platform.processor()
    return platform.processor()


def _driver() -> str | None:
    """The version of the NVIDIA or AMD driver."""
    modules = ("/sys/module/nvidia/version", "/proc/driver/nvidia/version", "/sys/module/amdgpu/version")
    for path in map(Path, modules):
        try:
            return path.read_text().strip().splitlines()[0]
        except (OSError, IndexError):
            continue
    return None
