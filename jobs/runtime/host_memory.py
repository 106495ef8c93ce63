"""How much memory this process can still take: the machine's, or less where a cgroup limits it.

SLURM and containers limit processes by cgroups, of version 1 or 2 (cgroups(7)). A limit can be set at any level of the
hierarchy, so all levels above the process count.
"""

from __future__ import annotations

import contextlib
import resource
from pathlib import Path, PurePosixPath

import psutil

from attnctl.files import read_regular

_ROOT = Path("/sys/fs/cgroup")

_FILES = (
    ("memory.max", "memory.current", "inactive_file"),
    ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"),
)
"""Limit, usage, and the entry of memory.stat for cached files, which the kernel drops first; version 2, then 1."""


def available(membership: Path = Path("/proc/self/cgroup"), root: Path = _ROOT) -> int:
    """Bytes that can be allocated before the machine or a cgroup of this process has none left; at least 0.

    membership: the cgroups of the process. root: where cgroups are mounted.
    """
    rooms = [psutil.virtual_memory().available]
    for folder in _folders(membership, root):
        for limit, usage, cached in _FILES:
            with contextlib.suppress(OSError, ValueError):  # not this version, or "max": no limit
                most, used = (int(read_regular(folder / name)) for name in (limit, usage))
                rooms.append(most - used + _statistic(folder, cached))
    return max(0, min(rooms))


def spare() -> int:
    """Bytes of `available` beyond what this process needs to grow as large again as it has ever been; at least 0."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024  # in kilobytes on Linux (getrusage(2))
    return max(0, available() - max(0, peak - psutil.Process().memory_info().rss))


def _folders(membership: Path, root: Path) -> list[Path]:
    """The folders of this process's memory cgroups and of those above them."""
    try:
        lines = read_regular(membership).decode(errors="replace").splitlines()
    except OSError:
        return []
    folders = []
    for line in lines:
        _, _, rest = line.partition(":")
        controllers, _, name = rest.partition(":")
        if controllers and "memory" not in controllers.split(","):
            continue
        base = root / "memory" if controllers else root
        group = PurePosixPath(name.lstrip("/"))
        folders += [base / part for part in (group, *group.parents)]
    return folders


def _statistic(folder: Path, name: str) -> int:
    for line in read_regular(folder / "memory.stat").decode().splitlines():
        key, _, value = line.partition(" ")
        if key == name:
            return int(value)
    return 0
