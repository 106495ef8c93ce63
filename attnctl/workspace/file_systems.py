"""File systems: which one a folder is on, and which kinds are shared between machines.

The index and the doctor both use this module, so that their answers agree. /proc/self/mountinfo is parsed by hand:
psutil.disk_partitions(all=True) gives the same result (a test compares them), but importing psutil takes 8 ms, and
every command that opens the index needs the answer.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

NETWORK: Mapping[str, str] = MappingProxyType(
    {
        "nfs": "NFS",
        "nfs3": "NFS",
        "nfs4": "NFS",
        "cifs": "SMB",
        "smb3": "SMB",
        "smbfs": "SMB",
        "lustre": "Lustre",
        "gpfs": "GPFS",
        "beegfs": "BeeGFS",
        "fuse.beegfs": "BeeGFS",
        "ceph": "CephFS",
        "fuse.ceph": "CephFS",
        "afs": "AFS",
        "9p": "9P",
        "virtiofs": "virtiofs",
        "panfs": "PanFS",
        "pvfs2": "PVFS2",
        "orangefs": "OrangeFS",
        "glusterfs": "GlusterFS",
        "fuse.glusterfs": "GlusterFS",
        "wekafs": "WekaFS",
        "quobyte": "Quobyte",
        "dvs": "DVS",
        "ocfs2": "OCFS2",
        "gfs2": "GFS2",
        "fuse.sshfs": "SSHFS",
        "fuse.juicefs": "JuiceFS",
        "fuse.s3fs": "S3FS",
        "fuse.rclone": "rclone",
        "fuse.mfs": "MooseFS",
    }
)
"""Kernel name -> common name of shared file systems, where SQLite's locks are unreliable (sqlite.org/faq.html#q5)."""

_MOUNTS = Path("/proc/self/mountinfo")


@dataclass(frozen=True)
class Mount:
    """A mounted file system. kind: the kernel's name, such as `ext4` or `nfs4`; folder: its mount point."""

    kind: str
    folder: Path
    options: frozenset[str]

    @property
    def network(self) -> str:
        """The common name of a network file system; empty for a local one."""
        return NETWORK.get(self.kind, "")


def mount_of(path: Path) -> Mount | None:
    """The mount that holds a path, which need not exist yet; None where /proc is unavailable."""
    try:
        lines = _MOUNTS.read_text(errors="surrogateescape").splitlines()
    except OSError:
        return None
    return deepest(lines, nearest_existing(path).resolve())


def deepest(lines: Iterable[str], path: Path) -> Mount | None:
    """The deepest mount above `path`. lines: of proc_pid_mountinfo(5)."""
    mount = None
    for line in lines:
        left, dash, right = line.partition(" - ")
        fields, (kind, *more) = left.split(), (right.split() or [""])
        if not dash or len(fields) < 6:
            continue
        folder = Path(_unquoted(fields[4]))
        # Of two mounts on the same folder, the later line is the visible one.
        if path.is_relative_to(folder) and (mount is None or len(folder.parts) >= len(mount.folder.parts)):
            options = ",".join([fields[5], *more[1:]])
            mount = Mount(kind, folder, frozenset(options.split(",")))
    return mount


def nearest_existing(path: Path) -> Path:
    """The path itself, or the nearest folder above it that exists."""
    return next(folder for folder in (path, *path.absolute().parents) if folder.exists())


def _unquoted(field: str) -> str:
    for octal, char in (("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")):
        field = field.replace(octal, char)
    return field
