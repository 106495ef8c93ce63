"""Where the index of a workspace lies."""

from __future__ import annotations

import contextvars
from pathlib import Path

import pytest

from attnctl.db.location import FILE_NAME, keep_apart, location
from attnctl.workspace import file_systems
from attnctl.workspace.layout import Workspace


@pytest.fixture
def nfs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """All of this machine lies on NFS, and the user's cache is an empty folder."""
    mounts = tmp_path / "mountinfo"
    mounts.write_text("21 1 254:0 / / rw shared:1 - nfs4 server:/ rw\n")
    monkeypatch.setattr(file_systems, "_MOUNTS", mounts)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def test_on_a_local_disk_the_database_is_in_the_workspace_even_before_it_exists(tmp_path: Path) -> None:
    assert location(Workspace(tmp_path)) == tmp_path / FILE_NAME
    assert location(Workspace(tmp_path / "a" / "b")) == tmp_path / "a" / "b" / FILE_NAME


def test_on_a_network_file_system_the_database_has_its_own_name_in_the_users_cache(tmp_path: Path, nfs: None) -> None:
    first, second = (location(Workspace(tmp_path / folder / "runs")) for folder in ("a", "b"))
    assert first.is_relative_to(tmp_path / "cache")
    assert first.name.startswith("runs-")
    assert first != second
    assert location(Workspace(tmp_path / "a" / "runs")) == first


def test_in_a_read_only_workspace_the_database_is_in_the_users_cache(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr("os.access", lambda *_: False)
    assert location(Workspace(tmp_path / "w")).is_relative_to(tmp_path / "cache")


def test_a_process_can_have_an_index_of_its_own(tmp_path: Path) -> None:
    def apart() -> Path:
        keep_apart(tmp_path / "own")
        return location(Workspace(tmp_path))

    assert contextvars.copy_context().run(apart) == tmp_path / "own" / FILE_NAME
    assert location(Workspace(tmp_path)) == tmp_path / FILE_NAME
