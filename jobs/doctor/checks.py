"""The checks of `attnctl doctor`: one function per subject; none of them imports torch into this process."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from attnctl import datasets, own_data
from attnctl.datasets import class_folders, headers, own
from attnctl.files import create_exclusive
from attnctl.jobs.slurm import configuration, nodes, sbatch
from attnctl.jobs.slurm.commands import CommandError, run
from attnctl.settings import srun_options
from attnctl.settings.config import Config, SlurmOptions
from attnctl.units import plural, quantity
from attnctl.values import SpecError, comma_join
from attnctl.workspace import sharing, untrusted_json
from attnctl.workspace.file_systems import mount_of, nearest_existing
from attnctl.workspace.layout import Workspace

GPUS = "GPUs"

_TORCH_SCRIPT = """
import json, torch
count = torch.cuda.device_count() if torch.cuda.is_available() else 0
print(json.dumps({
    "version": torch.__version__, "cuda": torch.version.cuda, "hip": torch.version.hip,
    "archs": torch.cuda.get_arch_list(),
    "gpus": [
        [torch.cuda.get_device_name(k), torch.cuda.get_device_properties(k).gcnArchName.partition(":")[0]
            if torch.version.hip else "sm_%d%d" % torch.cuda.get_device_capability(k)]
        for k in range(count)
    ],
}))
"""
_TORCH_TIMEOUT = 120
"""Seconds; importing torch from a busy network file system can take more than a minute."""


@dataclass(frozen=True)
class Check:
    """The result of one check. ok: True, False (a fault), or None (neutral); fix: what to do about a fault."""

    name: str
    ok: bool | None
    message: str
    fix: str = ""


def python() -> Check:
    """The version and path of the interpreter, which jobs use too."""
    return Check("Python", True, f"{platform.python_version()} at {sys.executable}")


def torch() -> Iterator[Check]:
    """The version of torch, and whether its build supports this machine's GPUs. Torch is imported in a subprocess."""
    try:
        done = subprocess.run(
            [sys.executable, "-P", "-c", _TORCH_SCRIPT],
            capture_output=True,
            text=True,
            timeout=_TORCH_TIMEOUT,
            check=False,
        )
    except subprocess.TimeoutExpired:
        message = f"import torch took more than {_TORCH_TIMEOUT} s"
        yield Check("torch", False, message, "check whether its file system is overloaded")
        return
    if done.returncode:
        reason = (done.stderr.strip().splitlines() or [f"exit code {done.returncode} without a message"])[-1]
        yield Check("torch", False, f"cannot be imported: {reason}", f"{sys.executable} -m pip install torch")
        return
    last_line = done.stdout.strip().rpartition("\n")[2]  # imported modules may print other lines before it
    try:
        build = untrusted_json.loads_object(last_line)
    except ValueError:
        message = f"cannot read its version from {done.stdout.strip()[:80]!r}"
        yield Check("torch", False, message, f"{sys.executable} -m pip install --force-reinstall torch")
        return
    cuda, hip = build.get("cuda"), build.get("hip")
    target = f"ROCm {hip}" if hip else f"CUDA {cuda}" if cuda else None
    kind = f"built for {target} ({comma_join(build['archs'])})" if target else "CPU-only build"
    yield Check("torch", True, f"{build['version']}, {kind}")
    yield _gpus(build["gpus"], build["archs"], target)


def _gpus(gpus: list[list[str]], archs: list[str], target: str | None) -> Check:
    """target: what torch was built for, such as `CUDA 12.4` or `ROCm 6.2`; None for the CPU only."""
    if gpus:
        unsupported = [f"{name} ({arch})" for name, arch in gpus if not _supports(archs, arch)]
        fix = "install a torch build for this GPU: https://pytorch.org/get-started/previous-versions"
        if unsupported:
            return Check(GPUS, False, f"this torch build does not support {comma_join(unsupported)}", fix)
        return Check(GPUS, True, comma_join(f"{name} ({arch})" for name, arch in gpus))
    try:
        driver = run(["nvidia-smi", "--query-gpu=name,driver_version", "--format=csv,noheader"]).strip()
    except CommandError:
        driver = ""
    if driver:
        fix = "install a CUDA build of torch" if target is None else f"the driver may be too old for {target}"
        return Check(GPUS, False, f"torch detects none of: {'; '.join(driver.splitlines())}", fix)
    return Check(GPUS, None, "none: local runs train on the CPU")


def _supports(archs: list[str], arch: str) -> bool:
    """Whether a build for `archs` runs on a GPU of `arch`, such as sm_86.

    A cubin (sm_) runs on GPUs of its own major version from its minor version on, PTX (compute_) on all newer GPUs
    (CUDA C++ Programming Guide, "Binary Compatibility" and "PTX Compatibility"). Code for an AMD GPU (gfx90a, with
    features such as `gfx90a:xnack-`) runs on that one alone.
    """
    if arch.startswith("gfx"):
        return arch in {name.partition(":")[0] for name in archs}
    targets = [(name[:2], name.split("_")[-1].rstrip("af")) for name in archs]
    number = arch.split("_")[-1]
    return any(
        (kind == "sm" and target[:-1] == number[:-1] and target <= number)
        or (kind == "co" and int(target) <= int(number))
        for kind, target in targets
    )


def scheduler(config: Config) -> Iterator[Check]:
    """Whether SLURM is installed and answers; its accounting, limits and policies; the partition that jobs go to."""
    if not configuration.available():
        yield Check("SLURM", None, "no sbatch on this machine: runs train locally")
        return
    try:
        limits = configuration.limits()
        partition, cluster = sbatch.target(config.slurm, os.environ)
        partitions = configuration.partitions(cluster)
    except SpecError as error:
        yield Check("SLURM", False, str(error), "try again later; recorded states do not change until it answers")
        return
    yield Check("SLURM", True, f"{limits.version}, cluster {limits.cluster}")
    yield _accounting(limits)
    yield Check("array limit", True, f"{limits.max_array} runs per array; larger sweeps are split")
    yield _requeue(limits)
    yield _preemption(limits)
    yield from _partitions(partition, partitions, cluster)
    yield from _architecture(config.slurm)


def _accounting(limits: configuration.Limits) -> Check:
    if not limits.accounting:
        message = "off: if a job dies without an exit record, its cause of death stays unknown"
        return Check("accounting", None, message)
    try:
        run(["sacct", "-n", "-P", "-X", "-S", "now-1hour", "-o", "JobID"])
    except CommandError as error:
        fix = "until it works, ended jobs keep the last state that was recorded"
        return Check("accounting", False, f"sacct fails: {error.message}", fix)
    if limits.gather in {"", "(null)", "jobacct_gather/none"}:
        return Check("accounting", None, "sacct works, but memory use is not recorded (JobAcctGatherType)")
    return Check("accounting", True, f"sacct works; {limits.gather}")


def _requeue(limits: configuration.Limits) -> Check:
    default = "the default" if limits.requeue else "JobRequeue=0, but attnctl's jobs ask for it with --requeue"
    return Check("requeue", True, f"{default}: interrupted jobs start again from their checkpoint")


def _preemption(limits: configuration.Limits) -> Check:
    """What SLURM does with a preempted job; partitions may have modes of their own."""
    mode = f"PreemptMode={limits.preempt_mode}"
    if "CANCEL" in limits.preempt_mode:
        mode += ": jobs requeue themselves if they have time to save; for the others run attnctl resume"
    return Check("preemption", None, mode)


def _partitions(names: str | None, partitions: list[configuration.Partition], cluster: str | None) -> Iterator[Check]:
    """names: those that jobs go to (`a,b`); None for the cluster's default one."""
    for name in names.split(",") if names else [None]:
        yield _partition(name, partitions, cluster)


def _partition(name: str | None, partitions: list[configuration.Partition], cluster: str | None) -> Check:
    row = next((row for row in partitions if (row.name == name if name else row.default)), None)
    if row is None:
        message = f"there is no partition {name!r}" if name else "the cluster has no default partition"
        names = comma_join(partition.name for partition in partitions)
        return Check("partition", False, message, f"set partition in attnctl.toml to one of: {names}")
    gpus = f"up to {quantity(row.gpus, 'GPU')} per node" if row.gpus else "no GPUs"
    message = f"{row.name}: {quantity(row.nodes, 'node')}, {gpus}, time limit {row.time_limit}"
    try:
        fault = configuration.partition_fault(row.name, cluster)
    except SpecError as error:
        return Check("partition", False, f"{message}; {error}", "try again later")
    if fault:
        fix = "set another partition in attnctl.toml, or ask the cluster's administrators; until then jobs only wait"
        return Check("partition", False, f"{message}; {fault}", fix)
    return Check("partition", True, message)


def _architecture(options: SlurmOptions) -> Iterator[Check]:
    """Whether the nodes can run this machine's Python; nothing if SLURM does not say what they are."""
    _, found = nodes.of_partition(*sbatch.target(options, os.environ))
    here, known = platform.machine(), [node for node in found if node.arch]
    others = [node for node in known if node.arch != here]
    if not known:
        return
    if not others:
        yield Check("architecture", True, f"{here}, as on this machine")
        return
    message = (
        f"{len(others)} of {quantity(len(known), 'node')} {plural(len(others), 'is', 'are')} "
        f"{comma_join(sorted({node.arch for node in others}))}, but this machine is {here}"
    )
    if options.python or options.command_prefix or srun_options.in_container(options.srun):
        yield Check("architecture", None, f"{message}; jobs use the Python of your settings: check with --job")
        return
    fix = (
        f"set exclude in [slurm] to {','.join(node.name for node in others)}"
        if len(others) < len(known)
        else "submit from a node of that kind, or set python in [slurm] to a Python that runs there"
    )
    yield Check("architecture", False, f"{message}, so jobs cannot start {sys.executable}", fix)


def data(config: Config) -> Iterator[Check]:
    """Whether the files of each data set are in their folder, begin as such files do, and have the same classes in
    train/ and val/."""
    for name in (*datasets.names(), *own.recorded(config.workspace.datasets)):
        folder = config.data.folder(name)
        missing = datasets.missing_files(datasets.describe(name), folder)
        if not missing and (words := _class_mismatch(name, folder)):
            yield Check(
                f"data set {name}",
                False,
                words.removeprefix(f"{name}: "),
                f"attnctl data check {name} counts the images",
            )
        elif not missing and (words := headers.damaged(datasets.describe(name), folder)):
            yield Check(f"data set {name}", False, words, "delete it and get it again")
        elif not missing:
            found = f"files found in {folder}; attnctl data check {name} reads them"
            yield Check(f"data set {name}", True, found if folder else "included in scikit-learn")
        else:
            setting = f"set {own_data.stem(name)} in [data] of attnctl.toml to its folder"
            fix = f"attnctl data fetch {name}" if datasets.describe(name).can_be_fetched else setting
            yield Check(f"data set {name}", None, f"not in {folder}: {missing[0]} is missing", fix)


def _class_mismatch(name: str, folder: Path | None) -> str:
    try:
        return class_folders.mismatch(datasets.describe(name), folder)
    except SpecError as error:
        return str(error)


def workspace(config: Config) -> Iterator[Check]:
    """Whether the workspace is writable, whether its file system honours O_EXCL, and the kind of that file system."""
    root = nearest_existing(config.workspace.root)
    probe = root / f".attnctl-doctor-{uuid.uuid4().hex}"
    try:
        first = create_exclusive(probe, b"first")
        second = create_exclusive(probe, b"second")
        kept = probe.read_bytes() == b"first"
        probe.unlink()
    except OSError as error:
        fix = "choose another folder with --workspace"
        yield Check("workspace", False, f"cannot write in {root}: {error.strerror}", fix)
    else:
        yield Check("workspace", True, f"{config.workspace.root} is writable")
        exclusive = first and not second and kept
        message = "works" if exclusive else "does not work on this file system"
        fix = "move the workspace to another file system: here two commands could submit the same run at once"
        yield Check("exclusive creation", exclusive, message, "" if exclusive else fix)
    if config.workspace.group and config.workspace.root.is_dir():
        yield from shared_folders(config.workspace)
    yield file_system(root)


def shared_folders(workspace: Workspace) -> Iterator[Check]:
    """Whether all users of a shared workspace's group can write in its folders."""
    found = list(sharing.faults(workspace))
    for fault in found:
        yield Check("group", False, f"{fault.folder} {fault.problem}", fault.fix)
    runs = sharing.unshared_runs(workspace)
    if runs:
        message = f"{quantity(len(runs), 'folder')} of runs cannot be written by the group, such as {runs[0]}"
        yield Check("group", False, message, f"let their owners run: {sharing.repair_command(workspace)}")
    elif not found:
        yield Check("group", True, f"{sharing.group_name(sharing.group_of(workspace))} shares all files")


def file_system(folder: Path) -> Check:
    """The kind of the file system of a folder, and where the database is stored because of it."""
    mount = mount_of(folder)
    if mount is None:
        return Check("file system", None, "unknown")
    if not mount.network:
        return Check("file system", True, f"{mount.kind} on {mount.folder}")
    message = f"{mount.network} on {mount.folder}: the database is in your cache folder instead"
    # nfs(5): a soft mount fails writes after a timeout; nolock keeps locks local to each client.
    unsafe = mount.network == "NFS" and not mount.options.isdisjoint({"nolock", "soft"})
    fix = "mount it with the options hard and lock: soft mounts can lose writes" if unsafe else ""
    return Check("file system", False if unsafe else None, message, fix)
