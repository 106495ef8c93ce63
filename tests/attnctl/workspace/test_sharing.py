"""The folders of a workspace that a group shares."""

from __future__ import annotations

import grp
import os
import stat
from pathlib import Path

import pytest

from attnctl.files import GROUP_UMASK
from attnctl.values import SpecError
from attnctl.workspace import sharing
from attnctl.workspace.layout import Workspace


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_folders_of_ours_are_shared_and_new_ones_inherit_it(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path, group=True)
    ours = (workspace.runs, workspace.submissions, workspace.datasets)
    for folder in ours:
        folder.mkdir(mode=0o700)
    sharing.share(workspace)
    assert {mode(folder) for folder in (tmp_path, *ours)} == {0o2770}
    before = os.umask(GROUP_UMASK)
    workspace.sweeps.mkdir()
    os.umask(before)
    assert mode(workspace.sweeps) == 0o2770
    assert list(sharing.faults(workspace)) == []


def test_a_private_workspace_stays_as_it_is(tmp_path: Path) -> None:
    before = mode(tmp_path)
    sharing.share(Workspace(tmp_path))
    sharing.share(Workspace(tmp_path / "missing", group=True))
    assert mode(tmp_path) == before


def test_a_folder_of_somebody_else_is_named_with_the_command_for_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    workspace = Workspace(tmp_path / "a lab", group=True)
    workspace.root.mkdir(mode=0o750)
    monkeypatch.setattr("os.geteuid", lambda: os.getuid() + 1)

    def refuse(*_: object) -> None:
        raise PermissionError

    monkeypatch.setattr("os.chown", refuse)
    group = grp.getgrgid(workspace.root.stat().st_gid).gr_name
    with pytest.raises(SpecError) as caught:
        sharing.share(workspace)
    problem = f"{workspace.root} cannot be written by its group {group}; ask "
    assert str(caught.value).startswith(f"the workspace is shared ([paths] group = true), but {problem}")
    assert str(caught.value).endswith(f"chgrp {group} '{workspace.root}' && chmod g+rwxs '{workspace.root}'")


def test_runs_that_are_older_than_the_setting_are_listed(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path, group=True)
    old, new = (workspace.run(digit * 16).path for digit in "ab")
    old.mkdir(parents=True, mode=0o755)
    new.mkdir()
    for folder in (workspace.runs, new):
        folder.chmod(0o2770)
    old.chmod(0o755)
    assert sharing.unshared_runs(workspace) == [old]
    assert sharing.repair_command(workspace).startswith("chgrp -R ")


def test_a_group_without_a_name_is_shown_by_its_number() -> None:
    assert sharing.group_name(987654) == "987654"
