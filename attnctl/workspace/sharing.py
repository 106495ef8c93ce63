"""Workspaces that a group shares ([paths] group = true): their folders must give new files the group that may write.

A file gets the group of its folder only if the folder has the setgid bit (inode(7)); otherwise it gets the group of its
writer, and the other users cannot write it. New folders inherit the bit.
"""

from __future__ import annotations

import contextlib
import grp
import os
import pwd
import shlex
import stat
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from attnctl.values import SpecError
from attnctl.workspace.layout import Workspace

_SHARED = 0o2070
"""The permission bits of a shared folder: setgid, and all for the group."""


@dataclass(frozen=True)
class SharingFault:
    """A folder that not all users of a shared workspace can use. problem: continues a sentence with the folder."""

    folder: Path
    problem: str
    fix: str
    """A command, and who can run it."""

    def __str__(self) -> str:
        return f"{self.folder} {self.problem}; {self.fix}"


def share(workspace: Workspace) -> None:
    """Give the top-level folders of a shared workspace what they lack, where they are ours.

    Raises SpecError for the first folder that only somebody else can repair.
    """
    if not workspace.group or not workspace.root.is_dir():
        return
    group = group_of(workspace)
    for folder in _folders(workspace):
        if _problem(folder, group) is not None:
            with contextlib.suppress(PermissionError):  # it is not ours, or we are not in the group: see below
                os.chown(folder, -1, group)
                folder.chmod(stat.S_IMODE(folder.stat().st_mode) | _SHARED)
    for fault in faults(workspace):
        raise SpecError(f"the workspace is shared ([paths] group = true), but {fault}")


def faults(workspace: Workspace) -> Iterator[SharingFault]:
    """The top-level folders that not all users of the group can use."""
    group = group_of(workspace)
    for folder in _folders(workspace):
        problem = _problem(folder, group)
        if problem is not None:
            owner, place = folder.stat().st_uid, shlex.quote(str(folder))
            asked = "run" if owner == os.geteuid() else f"ask {_user_name(owner)} to run"
            fix = f"{asked}: chgrp {shlex.quote(group_name(group))} {place} && chmod g+rwxs {place}"
            yield SharingFault(folder, problem, fix)


def unshared_runs(workspace: Workspace) -> list[Path]:
    """The folders of runs that the group cannot write, as of runs that are older than the setting."""
    group = group_of(workspace)
    return [
        folder for run in workspace.run_ids() for folder in _run_folders(workspace, run) if not _open(folder, group)
    ]


def repair_command(workspace: Workspace) -> str:
    """The command that shares all folders and files of a workspace, for their owner."""
    root, group = shlex.quote(str(workspace.root)), shlex.quote(group_name(group_of(workspace)))
    return f"chgrp -R {group} {root} && chmod -R g+rwX {root} && find {root} -type d -exec chmod g+s {{}} +"


def group_of(workspace: Workspace) -> int:
    """The id of the group that shares the workspace: that of its folder."""
    return workspace.root.stat().st_gid


def group_name(group: int) -> str:
    """The name of a group, or its number if it has no name."""
    try:
        return grp.getgrgid(group).gr_name
    except KeyError:
        return str(group)


def share_file(path: Path, group: int) -> None:
    """Let a group read and write a file of ours, as far as we may."""
    with contextlib.suppress(PermissionError):  # we are not in the group
        os.chown(path, -1, group)
    path.chmod(0o660)


def _folders(workspace: Workspace) -> Iterator[Path]:
    """The existing folders in which users create files for each other."""
    folders = [workspace.root, workspace.runs, *([workspace.checkpoints_root] if workspace.checkpoints_root else [])]
    folders += [workspace.submissions, workspace.sweeps, workspace.weights_folder, workspace.code, workspace.sources]
    folders += [workspace.bench, workspace.trials_folder, workspace.imports_folder, workspace.notices]
    folders += [workspace.waiting_folder, workspace.datasets, workspace.packing_folder]
    return (folder for folder in folders if folder.is_dir())


def _run_folders(workspace: Workspace, run_id: str) -> Iterator[Path]:
    run = workspace.run(run_id)
    return (folder for folder in (run.path, run.attempts_folder, run.checkpoints) if folder.is_dir())


def _problem(folder: Path, group: int) -> str | None:
    """What keeps the group from using the folder; None if nothing does."""
    if folder.stat().st_gid != group:
        return f"belongs to group {group_name(folder.stat().st_gid)}, not {group_name(group)}"
    if not _open(folder, group):
        return f"cannot be written by its group {group_name(group)}"
    if not folder.stat().st_mode & stat.S_ISGID and not _inherits(folder, group):
        return f"gives new files the group of their writer, not {group_name(group)}"
    return None


def _open(folder: Path, group: int) -> bool:
    """Whether the group may write in the folder."""
    status = folder.stat()
    return status.st_gid == group and status.st_mode & 0o070 == 0o070


def _inherits(folder: Path, group: int) -> bool:
    """Whether a new file gets the folder's group without the setgid bit: by an option of the mount, or as our own."""
    probe = folder / f".attnctl-group-{uuid.uuid4().hex}"
    try:
        probe.touch()
        return probe.stat().st_gid == group
    except OSError:
        return False
    finally:
        with contextlib.suppress(OSError):
            probe.unlink()


def _user_name(user: int) -> str:
    try:
        return pwd.getpwuid(user).pw_name
    except KeyError:
        return str(user)
