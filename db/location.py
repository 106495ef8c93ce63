"""Where the index of a workspace lies: in the workspace, unless SQLite's locks cannot be trusted or made there."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from attnctl.workspace.layout import Workspace

FILE_NAME = "attnctl.sqlite"

NETWORK = frozenset(
    {
        *("nfs", "nfs3", "nfs4", "cifs", "smb3", "smbfs", "lustre", "gpfs", "beegfs", "ceph", "afs", "9p", "panfs"),
        *("pvfs2", "orangefs", "glusterfs", "wekafs", "fuse.sshfs", "fuse.ceph", "fuse.glusterfs", "fuse.juicefs"),
        *("fuse.s3fs", "fuse.rclone", "fuse.beegfs", "fuse.mfs", "ocfs2", "gfs2", "dvs", "quobyte", "virtiofs"),
    }
)
"""File systems that other machines write too, as /proc/self/mountinfo names them."""


def location(workspace: Workspace) -> Path:
    """The database's file. On a network file system, or where we may not write, it is in the user's cache folder."""
    root = workspace.root.resolve()
    if file_system(root) not in NETWORK and os.access(_existing(root), os.W_OK):
        return root / FILE_NAME
    from platformdirs import user_cache_path  # 12 ms, and seldom needed

    key = hashlib.sha256(str(root).encode(errors="surrogateescape")).hexdigest()[:12]
    return user_cache_path("attnctl") / f"{root.name[:80]}-{key}.sqlite"


def file_system(path: Path) -> str:
    """The type of the file system that a path lies on, such as `ext4` or `nfs4`; empty when the system does not say."""
    try:
        lines = Path("/proc/self/mountinfo").read_text(errors="surrogateescape").splitlines()
    except OSError:
        return ""
    return of_mount(lines, _existing(path.resolve()))


def of_mount(lines: list[str], path: Path) -> str:
    """The type of the deepest mount above `path`. lines: of proc_pid_mountinfo(5)."""
    found: tuple[int, str] = (0, "")
    for line in lines:
        left, dash, right = line.partition(" - ")
        fields = left.split()
        if not dash or len(fields) < 5:
            continue
        mount = Path(_unquoted(fields[4]))
        # Of two mounts on one folder the later line is the one on top.
        if path.is_relative_to(mount) and len(mount.parts) >= found[0]:
            found = (len(mount.parts), right.split()[0])
    return found[1]


def _unquoted(field: str) -> str:
    for octal, char in (("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")):
        field = field.replace(octal, char)
    return field


def _existing(path: Path) -> Path:
    return next(folder for folder in (path, *path.parents) if folder.exists())
