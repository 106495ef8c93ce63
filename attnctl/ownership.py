"""Whose files a search meets: others can put files where it looks, and what they put there must not count.

A file or folder counts if it belongs to the caller or to root and nobody else can write it. A folder that others can
write counts if it has the sticky bit, as /tmp has: in it they can create files, but not replace those of the caller.
"""

from __future__ import annotations

import contextlib
import functools
import grp
import os
import pwd
import stat
from collections.abc import Collection
from pathlib import Path

_ACL = "system.posix_acl_access"
"""The attribute of a file with an access list (acl(5)); the group's bits of its mode are then the list's mask."""

PASSED_BY: dict[Path, str] = {}
"""What this process has passed by, with the reason: continues a sentence with the path."""


def concern(path: Path) -> str:
    """Why a file or folder that a search meets does not count; empty if it does. Raises OSError.

    Continues a sentence that begins with the path. For a link, the link and its target must count.
    """
    link = path.lstat()
    if stat.S_ISLNK(link.st_mode) and (problem := _of_owner(link, ())):
        return problem
    return status_concern(path.stat(), path)


def concern_of_entry(path: Path) -> str:
    """As `concern`, of a path and the folder that it is in. Raises OSError."""
    folder = concern(path.parent)
    return concern(path) or (f"is in a folder that {folder}" if folder else "")


def status_concern(status: os.stat_result, path: Path) -> str:
    """As `concern`, of a file that is already open or a folder."""
    if problem := _of_owner(status, ()):
        return problem
    folder = stat.S_ISDIR(status.st_mode)
    if not folder and status.st_nlink > 1 and stat.S_ISREG(status.st_mode):
        return "has another hard link"
    return "" if folder and status.st_mode & stat.S_ISVTX else _of_writers(status, path)


def foreign(path: Path, owners: Collection[int]) -> str:
    """Why a file beside one that the caller has named does not count; empty if it does. Raises OSError.

    owners: users whose files count, besides the caller and root.
    """
    for status in (path.lstat(), path.stat()):
        if problem := _of_owner(status, owners):
            return problem
    if status.st_mode & stat.S_IWOTH and not (stat.S_ISDIR(status.st_mode) and status.st_mode & stat.S_ISVTX):
        return "can be written by everybody"
    return ""


def user_name(user: int) -> str:
    """The name of a user, or the number of one who has none."""
    try:
        return pwd.getpwuid(user).pw_name
    except KeyError:
        return str(user)


def _of_owner(status: os.stat_result, owners: Collection[int]) -> str:
    if status.st_uid in {os.geteuid(), 0, *owners}:
        return ""
    return f"belongs to user {user_name(status.st_uid)}"


def _of_writers(status: os.stat_result, path: Path) -> str:
    if status.st_mode & stat.S_IWOTH:
        return "can be written by everybody"
    if status.st_mode & stat.S_IWGRP and not _is_private(status.st_gid):
        return f"can be written by group {_group_name(status.st_gid)}"
    if status.st_mode & stat.S_IWGRP and _has_acl(path):
        return "can be written by others (getfacl shows who)"
    return ""


@functools.cache
def _is_private(group: int) -> bool:
    """Whether nobody else is in the group: root's, or the caller's primary group of the same name."""
    try:
        user, entry = pwd.getpwuid(os.geteuid()), grp.getgrgid(group)
    except KeyError:
        return False
    own = (group, entry.gr_name) in {(0, "root"), (user.pw_gid, user.pw_name)}
    return own and set(entry.gr_mem) <= {"root", user.pw_name}


def _group_name(group: int) -> str:
    try:
        return grp.getgrgid(group).gr_name
    except KeyError:
        return str(group)


def _has_acl(path: Path) -> bool:
    with contextlib.suppress(OSError):  # the file system has no access lists, or the file has none
        return bool(os.getxattr(path, _ACL))
    return False
