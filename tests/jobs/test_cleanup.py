"""Removing what is not needed any more."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from attnctl.files import write_atomic
from attnctl.jobs import cleanup
from attnctl.jobs.cleanup import Waste, leftovers, remove, remove_run
from attnctl.values import SpecError
from attnctl.workspace.layout import Workspace

RUN = "0123456789abcdef"
ASIDE = ".spec.json." + "0" * 32


def old(path: Path) -> Path:
    write_atomic(path, b"12345")
    os.utime(path, (time.time() - cleanup.STALE - 60,) * 2)
    return path


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    made = Workspace(tmp_path)
    write_atomic(made.run(RUN).spec, b"{}")
    return made


def test_stale_temporary_files_are_listed_with_size_and_reason(workspace: Workspace) -> None:
    run = workspace.run(RUN)
    mine, own = old(run.path / ASIDE), [old(folder / ASIDE) for folder in (workspace.sweeps, workspace.datasets)]
    assert list(leftovers(workspace, run)) == [Waste(path=mine, bytes=5, reason="partly written", run=RUN)]
    assert list(leftovers(workspace)) == [Waste(path=path, bytes=5, reason="partly written") for path in own]


def test_every_folder_of_a_run_in_which_files_are_written_is_looked_into(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path / "w", checkpoints_root=tmp_path / "far")
    run = workspace.run(RUN)
    second = run.attempt(2)
    folders = [run.path, run.checkpoints, run.attempt(1).incarnation(0).path]
    folders += [second.path, second.observed, second.incarnation(0).path, second.incarnation(11).path]
    left = [old(folder / ASIDE) for folder in folders]
    old(run.path / "mine" / ASIDE)
    assert {item.path for item in leftovers(workspace, run)} == set(left)


def test_fresh_files_and_files_with_other_names_are_not_listed(workspace: Workspace) -> None:
    write_atomic(workspace.sweeps / ASIDE, b"")
    old(workspace.sweeps / "mine.json")
    old(workspace.sweeps / ".hidden")
    assert list(leftovers(workspace)) == []


def test_a_partly_deleted_run_is_listed_for_the_workspace(workspace: Workspace) -> None:
    folder = workspace.runs / f".{RUN}.removed-01234567"
    old(folder / "spec.json")
    os.utime(folder, (time.time() - cleanup.STALE - 60,) * 2)
    (found,) = leftovers(workspace)
    assert (found.path, found.bytes, found.reason) == (folder, 5, "partly deleted")
    assert remove(found)
    assert not folder.exists()


def test_a_file_that_another_process_deleted_is_not_an_error(workspace: Workspace) -> None:
    assert not remove(Waste(path=workspace.sweeps / "gone", bytes=0, reason=""))


def test_a_symbolic_link_to_a_folder_is_deleted_but_not_its_target(workspace: Workspace, tmp_path: Path) -> None:
    target = tmp_path / "elsewhere"
    write_atomic(target / "data", b"1")
    link = workspace.root / "link"
    link.symlink_to(target)
    assert remove(Waste(path=link, bytes=0, reason=""))
    assert (target / "data").exists()


def test_a_run_is_deleted_with_its_checkpoints_in_another_folder(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path / "w", checkpoints_root=tmp_path / "far")
    run = workspace.run(RUN)
    write_atomic(run.spec, b"{}")
    write_atomic(run.checkpoints / "10-1.0.pt", b"1")
    remove_run(workspace, RUN)
    assert list(workspace.runs.iterdir()) == []
    assert not run.checkpoints.exists()


@pytest.mark.parametrize("name", ["f" * 16, "../sweeps", "."])
def test_a_folder_that_is_not_a_run_is_not_deleted(name: str, workspace: Workspace) -> None:
    write_atomic(workspace.sweep("first"), b"{}")
    with pytest.raises(SpecError):
        remove_run(workspace, name)
    assert workspace.sweep("first").exists()
    assert workspace.run(RUN).spec.exists()
