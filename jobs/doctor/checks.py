"""What `attnctl doctor` looks at: one function for each fact, none of which imports torch."""

from __future__ import annotations

import platform
import subprocess
import sys
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from attnctl import datasets
from attnctl.files import create_exclusive
from attnctl.jobs.slurm import queries
from attnctl.jobs.slurm.commands import CommandError, run
from attnctl.settings.config import Config
from attnctl.units import quantity
from attnctl.values import SpecError, comma_join
from attnctl.workspace import untrusted_json
from attnctl.workspace.file_systems import mount_of, nearest_existing

GPUS = "GPUs"

_TORCH = """
import json, torch
count = torch.cuda.device_count() if torch.cuda.is_available() else 0
print(json.dumps({
    "version": torch.__version__, "cuda": torch.version.cuda, "serves": torch.cuda.get_arch_list(),
    "gpus": [[torch.cuda.get_device_name(k), "sm_%d%d" % torch.cuda.get_device_capability(k)] for k in range(count)],
}))
"""
_TORCH_SECONDS = 120


@dataclass(frozen=True)
class Check:
    """One line of the doctor. ok: None is a fact that is neither good nor bad; mend: what to do when it is not ok."""

    name: str
    ok: bool | None
    words: str
    mend: str = ""


def python() -> Check:
    """The interpreter that runs, and that jobs will run with."""
    return Check("Python", True, f"{platform.python_version()} at {sys.executable}")


def torch() -> Iterator[Check]:
    """torch's version, and whether it serves the GPUs of this machine; it is imported by another process."""
    try:
        done = subprocess.run(
            [sys.executable, "-P", "-c", _TORCH], capture_output=True, text=True, timeout=_TORCH_SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        yield Check("torch", False, f"import torch took more than {_TORCH_SECONDS} s", "is its file system overloaded?")
        return
    if done.returncode:
        reason = (done.stderr.strip().splitlines() or ["it ended without a word"])[-1]
        yield Check("torch", False, f"cannot be imported: {reason}", f"{sys.executable} -m pip install torch")
        return
    try:
        found = untrusted_json.loads_object(
            done.stdout.strip().rpartition("\n")[2]
        )  # what imports print comes before it
    except ValueError:
        words = f"its version cannot be read from {done.stdout.strip()[:80]!r}"
        yield Check("torch", False, words, f"{sys.executable} -m pip install --force-reinstall torch")
        return
    built = f"for CUDA {found['cuda']} ({comma_join(found['serves'])})" if found["cuda"] else "for CPUs only"
    yield Check("torch", True, f"{found['version']}, {built}")
    yield _gpus(found["gpus"], found["serves"], found["cuda"])


def _gpus(found: list[list[str]], serves: list[str], cuda: str | None) -> Check:
    if found:
        unserved = [f"{name} ({arch})" for name, arch in found if not _served(arch, serves)]
        mend = "install a torch build for this GPU: https://pytorch.org/get-started/previous-versions"
        if unserved:
            return Check(GPUS, False, f"torch was not built for {comma_join(unserved)}", mend)
        return Check(GPUS, True, comma_join(f"{name} ({arch})" for name, arch in found))
    try:
        driver = run(["nvidia-smi", "--query-gpu=name,driver_version", "--format=csv,noheader"]).strip()
    except CommandError:
        driver = ""
    if driver:
        mend = "install a torch build for CUDA" if cuda is None else f"the driver may be too old for CUDA {cuda}"
        return Check(GPUS, False, f"torch sees none of: {'; '.join(driver.splitlines())}", mend)
    return Check(GPUS, None, "none: runs here train on the CPU")


def _served(arch: str, serves: list[str]) -> bool:
    """Binary code serves its own major version from its minor one on; PTX serves all newer GPUs."""
    kinds = [(name[:2], name.split("_")[-1].rstrip("af")) for name in serves]
    own = arch.split("_")[-1]
    return any(
        (kind == "sm" and number[:-1] == own[:-1] and number <= own) or (kind == "co" and int(number) <= int(own))
        for kind, number in kinds
    )


def scheduler(config: Config) -> Iterator[Check]:
    """SLURM: whether it is here and answers, its accounting, limits, policies, and the partition that jobs go to."""
    if not queries.available():
        yield Check("SLURM", None, "there is no sbatch on this machine: runs are done here")
        return
    try:
        limits = queries.limits()
        partitions = queries.partitions()
    except SpecError as error:
        yield Check("SLURM", False, str(error), "nothing is lost: states stay as they are until it answers")
        return
    yield Check("SLURM", True, f"{limits.version}, cluster {limits.cluster}")
    yield _accounting(limits)
    yield Check("array limit", True, f"{limits.max_array} runs in one array; larger sweeps are split")
    yield _requeue(limits)
    yield Check("preemption", None, f"PreemptMode={limits.preempt_mode}")
    yield _partition(config.slurm.partition, partitions)


def _accounting(limits: queries.Limits) -> Check:
    if not limits.accounting:
        words = "off: the end of a job that left no record of its own is known by its absence only"
        return Check("accounting", None, words)
    try:
        run(["sacct", "-n", "-P", "-X", "-S", "now-1hour", "-o", "JobID"])
    except CommandError as error:
        return Check("accounting", False, f"sacct fails: {error.words}", "ended jobs keep their last state till then")
    if limits.gather in {"", "(null)", "jobacct_gather/none"}:
        return Check("accounting", None, "sacct works; memory use is not gathered (JobAcctGatherType)")
    return Check("accounting", True, f"sacct works; {limits.gather}")


def _requeue(limits: queries.Limits) -> Check:
    if limits.requeue:
        return Check("requeue", True, "allowed: a preempted job goes on by itself")
    return Check("requeue", None, "JobRequeue=0: a preempted run waits for attnctl resume")


def _partition(name: str | None, partitions: list[queries.Partition]) -> Check:
    known = comma_join(partition.name for partition in partitions)
    chosen = next((row for row in partitions if (row.name == name if name else row.default)), None)
    if chosen is None:
        words = f"there is no partition {name!r}" if name else "the cluster has no default partition"
        return Check("partition", False, words, f"set partition in attnctl.toml to one of: {known}")
    gpus = f"up to {quantity(chosen.gpus, 'GPU')} a node" if chosen.gpus else "no GPUs"
    return Check(
        "partition", True, f"{chosen.name}: {quantity(chosen.nodes, 'node')}, {gpus}, time limit {chosen.time_limit}"
    )


def data(config: Config) -> Iterator[Check]:
    """Which data sets are where they are looked for."""
    for name in datasets.names():
        folder = config.data.folder(name)
        missing = datasets.missing_files(datasets.describe(name), folder)
        if not missing:
            yield Check(f"data set {name}", True, str(folder) if folder else "comes with scikit-learn")
        else:
            key = f"set {name} in [data] of attnctl.toml to its folder"
            mend = f"attnctl data fetch {name}" if datasets.describe(name).url else key
            yield Check(f"data set {name}", None, f"not in {folder}: no {missing[0]}", mend)


def workspace(config: Config) -> Iterator[Check]:
    """Whether the workspace can be written, whether its file system creates exclusively, and of which kind that is."""
    root = nearest_existing(config.workspace.root)
    name = f".attnctl-doctor-{uuid.uuid4().hex}"
    probe = root / name
    try:
        first = create_exclusive(probe, b"first")
        second = create_exclusive(probe, b"second")
        kept = probe.read_bytes() == b"first"
        probe.unlink()
    except OSError as error:
        yield Check("workspace", False, f"{root} cannot be written: {error.strerror}", "choose one with --workspace")
    else:
        yield Check("workspace", True, f"{config.workspace.root} can be written")
        mend = "put the workspace on another: two commands at once could submit a run twice"
        exclusive = first and not second and kept
        words = "works" if exclusive else "does not work on this file system"
        yield Check("exclusive creation", exclusive, words, "" if exclusive else mend)
    yield file_system(root)


def file_system(folder: Path) -> Check:
    """The kind of file system that a folder lies on, and where the database lies therefore."""
    mount = mount_of(folder)
    if mount is None:
        return Check("file system", None, "unknown")
    if not mount.network:
        return Check("file system", True, f"{mount.kind} on {mount.folder}")
    words = f"{mount.network} on {mount.folder}: the database lies in your cache folder instead"
    lax = mount.network == "NFS" and not mount.options.isdisjoint({"nolock", "soft"})
    mend = "mount it hard and with locks: soft mounts lose writes" if lax else ""
    return Check("file system", False if lax else None, words, mend)
