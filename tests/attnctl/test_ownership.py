"""Which files and folders a search passes by, because others own or can write them."""

from __future__ import annotations

import os
import pwd
import stat
import struct
from pathlib import Path

import pytest

from attnctl import ownership

NOBODY = 65534
_ACL = struct.Struct("<HHI")
"""An entry of an access list: its kind, permissions and user (the kernel's posix_acl_xattr.h)."""


def made(path: Path, mode: int, *, folder: bool = False) -> Path:
    path.mkdir() if folder else path.touch()
    path.chmod(mode)
    return path


def test_a_file_that_only_its_owner_can_write_counts(tmp_path: Path) -> None:
    file = made(tmp_path / "file", 0o644)
    (tmp_path / "link").symlink_to("file")
    assert ownership.concern(file) == ownership.concern(tmp_path / "link") == ""
    assert ownership.concern_of_entry(file) == ""


def test_what_everybody_can_write_is_passed_by(tmp_path: Path) -> None:
    assert ownership.concern(made(tmp_path / "file", 0o646)) == "can be written by everybody"
    folder = made(tmp_path / "folder", 0o777, folder=True)
    assert ownership.concern_of_entry(made(folder / "x", 0o644)) == "is in a folder that can be written by everybody"


def test_a_folder_that_everybody_can_write_counts_with_the_sticky_bit(tmp_path: Path) -> None:
    folder = made(tmp_path / "folder", 0o1777, folder=True)
    assert ownership.concern_of_entry(made(folder / "x", 0o644)) == ""


def test_a_file_with_two_hard_links_is_passed_by(tmp_path: Path) -> None:
    file = made(tmp_path / "file", 0o644)
    os.link(file, tmp_path / "other")
    assert ownership.concern(file) == "has another hard link"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files to another user")
def test_files_and_links_of_another_user_are_passed_by(tmp_path: Path) -> None:
    file = made(tmp_path / "file", 0o644)
    os.chown(file, NOBODY, NOBODY)
    (tmp_path / "to theirs").symlink_to("file")
    (tmp_path / "mine").touch()
    (tmp_path / "theirs").symlink_to("mine")
    os.lchown(tmp_path / "theirs", NOBODY, NOBODY)
    name = pwd.getpwuid(NOBODY).pw_name
    for path in (file, tmp_path / "to theirs", tmp_path / "theirs"):
        assert ownership.concern(path) == f"belongs to user {name}"
    assert ownership.foreign(file, ()) == f"belongs to user {name}"
    assert ownership.foreign(file, {NOBODY}) == ""
    os.chown(tmp_path, NOBODY, NOBODY)
    assert ownership.concern_of_entry(made(tmp_path / "new", 0o644)) == f"is in a folder that belongs to user {name}"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files to another group")
def test_a_group_counts_if_it_is_the_users_private_one(tmp_path: Path) -> None:
    file = made(tmp_path / "file", 0o664)
    assert ownership.concern(file) == "", "the group root, of which nobody else is"
    os.chown(file, -1, 12345)
    assert ownership.concern(file) == "can be written by group 12345"
    folder = made(tmp_path / "folder", 0o2770, folder=True)
    os.chown(folder, -1, 12345)
    folder.chmod(0o2770)
    assert ownership.concern(folder) == "can be written by group 12345"


def test_an_access_list_that_lets_others_write_counts_as_writable(tmp_path: Path) -> None:
    file = made(tmp_path / "file", 0o600)
    anyone = 2**32 - 1
    entries = ((1, 6, anyone), (2, 6, NOBODY), (4, 4, anyone), (16, 6, anyone), (32, 0, anyone))
    try:
        os.setxattr(file, "system.posix_acl_access", struct.pack("<I", 2) + b"".join(_ACL.pack(*it) for it in entries))
    except OSError as error:
        pytest.skip(f"this file system has no access lists: {error}")
    assert stat.S_IMODE(file.stat().st_mode) == 0o660
    assert ownership.concern(file).startswith("can be written by")


def test_what_is_beside_a_named_file_may_be_written_by_its_group(tmp_path: Path) -> None:
    assert ownership.foreign(made(tmp_path / "a", 0o664), ()) == ""
    assert ownership.foreign(made(tmp_path / "b", 0o666), ()) == "can be written by everybody"
