"""The memory that a process can still take, with limits of cgroups of both versions."""

from pathlib import Path

import psutil
import pytest

from attnctl.jobs.runtime import host_memory

NAMES = {2: ("memory.max", "memory.current", "inactive_file"), 1: host_memory._FILES[1]}


def group(folder: Path, version: int, limit: str, used: int, cached: int) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    names = NAMES[version]
    (folder / names[0]).write_text(f"{limit}\n")
    (folder / names[1]).write_text(f"{used}\n")
    (folder / "memory.stat").write_text(f"anon 5\n{names[2]} {cached}\n")


@pytest.mark.parametrize(("version", "line", "top"), [(2, "0::/job/step", ""), (1, "4:cpu,memory:/job/step", "memory")])
def test_the_narrowest_limit_of_all_levels_counts_without_cached_files(
    tmp_path: Path, version: int, line: str, top: str
) -> None:
    root, membership = tmp_path / "root", tmp_path / "cgroup"
    membership.write_text(f"3:cpuset:/elsewhere\n{line}\n")
    group(root / top / "job/step", version, "max" if version == 2 else str(1 << 62), 1000, 0)
    assert host_memory.available(membership, root) > 1 << 20, "no limit but the machine's"
    group(root / top / "job", version, "5000", 4500, 300)
    assert host_memory.available(membership, root) == 800
    group(root / top / "job/step", version, "2000", 3000, 0)
    assert host_memory.available(membership, root) == 0
    group(root / top / "elsewhere", version, "1", 1, 0)
    assert host_memory.available(membership, root) == 0


def test_without_readable_cgroups_the_machines_memory_counts(tmp_path: Path) -> None:
    total = psutil.virtual_memory().total
    assert 0 < host_memory.available(tmp_path / "missing", tmp_path) <= total
    membership = tmp_path / "cgroup"
    membership.write_text("0::/job\nnonsense\n")
    group(tmp_path / "job", 2, "abc", 1, 1)
    assert 0 < host_memory.available(membership, tmp_path) <= total
    assert 0 <= host_memory.spare() <= total
