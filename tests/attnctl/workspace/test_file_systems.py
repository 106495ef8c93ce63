"""File systems: one list for the index and the doctor, and the mount that a folder lies on."""

from __future__ import annotations

from pathlib import Path

import psutil
import pytest

from attnctl.db import location
from attnctl.jobs.doctor import checks
from attnctl.workspace import file_systems
from attnctl.workspace.file_systems import NETWORK, deepest, mount_of
from attnctl.workspace.layout import Workspace

MOUNTS = [
    "21 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw",
    "22 21 0:40 / /home rw shared:2 - nfs4 server:/home rw",
    r"23 21 0:41 / /mnt/two\040words rw - lustre x rw",
    "24 22 0:42 / /home/me/fast rw - xfs /dev/nvme0 rw",
]


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/data/x", "ext4"),
        ("/home/me/x", "nfs4"),
        ("/homes", "ext4"),
        ("/mnt/two words/x", "lustre"),
        ("/home/me/fast", "xfs"),
    ],
)
def test_the_file_system_is_that_of_the_deepest_mount(path: str, kind: str) -> None:
    found = deepest(MOUNTS, Path(path))
    assert found is not None
    assert found.kind == kind


def test_the_later_of_two_mounts_on_one_folder_counts() -> None:
    found = deepest([*MOUNTS, "25 21 0:43 / /home rw shared:3 - tmpfs none rw"], Path("/home/me"))
    assert found is not None
    assert found.kind == "tmpfs"


def test_options_of_the_mount_and_of_its_file_system_are_both_reported() -> None:
    found = deepest(["22 21 0:40 / /home rw,noatime shared:2 - nfs4 server:/home rw,soft,nolock"], Path("/home/me"))
    assert found is not None
    assert {"noatime", "soft", "nolock"} <= found.options


@pytest.mark.parametrize("line", ["", "1 2 3", "22 21 0:40 / /home rw shared:2 -", "22 21 0:40 / - nfs4"])
def test_a_malformed_line_is_skipped(line: str) -> None:
    found = deepest([MOUNTS[0], line], Path("/home/me"))
    assert found is not None
    assert found.kind == "ext4"


def test_psutil_finds_the_same_file_system_on_every_mount_of_this_machine() -> None:
    on_top = {part.mountpoint: part for part in psutil.disk_partitions(all=True)}
    seen = [part for part in on_top.values() if Path(part.mountpoint).is_dir()]
    assert seen
    for part in seen:
        found = mount_of(Path(part.mountpoint))
        if part not in psutil.disk_partitions(all=True):
            continue  # a test that runs beside this one has unmounted it
        assert found is not None
        assert (found.kind, str(found.folder)) == (part.fstype, part.mountpoint)
        assert set(part.opts.split(",")) <= found.options | {"ro", "rw"}


def test_a_missing_folder_is_on_the_file_system_of_its_nearest_parent(tmp_path: Path) -> None:
    assert mount_of(tmp_path / "a" / "b") == mount_of(tmp_path)
    assert file_systems.nearest_existing(tmp_path / "a" / "b") == tmp_path


@pytest.mark.parametrize("kind", [*NETWORK, "ext4", "xfs", "tmpfs", "overlay"])
def test_the_doctor_shows_the_databases_location_for_every_file_system(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mounts = tmp_path / "mountinfo"
    mounts.write_text(f"21 1 254:0 / / rw shared:1 - {kind} x rw\n")
    monkeypatch.setattr(file_systems, "_MOUNTS", mounts)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    moved = not location(Workspace(tmp_path)).is_relative_to(tmp_path / "attnctl.sqlite")
    check = checks.file_system(tmp_path)
    assert moved == (kind in NETWORK)
    assert ("the database is in your cache folder instead" in check.message) == moved
    assert (check.ok is True) != moved


@pytest.mark.parametrize(("options", "ok"), [("rw,hard", None), ("rw,soft", False), ("rw,nolock", False)])
def test_the_doctor_objects_to_nfs_that_loses_writes(
    options: str, ok: bool | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mounts = tmp_path / "mountinfo"
    mounts.write_text(f"21 1 254:0 / / rw shared:1 - nfs4 server:/home {options}\n")
    monkeypatch.setattr(file_systems, "_MOUNTS", mounts)
    assert checks.file_system(tmp_path).ok is ok
