"""A full disk is waited for; other errors are not."""

import errno
from pathlib import Path

import pytest

from attnctl.jobs.runtime import disk_full


def test_writing_waits_for_disk_space_but_not_after_other_errors(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(disk_full, "_RETRY_INTERVAL", 0.01)
    errors: list[OSError] = [OSError(errno.EDQUOT, "Disk quota exceeded"), OSError(errno.ENOSPC, "No space")]

    def write() -> str:
        if errors:
            raise errors.pop()
        return "written"

    assert disk_full.retry_while_disk_full(write) == "written"
    errors.append(OSError(errno.EROFS, "Read-only file system"))
    with pytest.raises(OSError, match="Read-only"):
        disk_full.retry_while_disk_full(write)
    errors += [OSError(errno.ENOSPC, "No space")] * 2
    with pytest.raises(OSError, match="No space"):
        disk_full.retry_while_disk_full(write, lambda: True)
    with pytest.raises(OSError, match="No space"):
        disk_full.retry_while_disk_full(write, patience=-1.0)


def test_while_it_waits_a_marker_is_there_and_afterwards_none(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(disk_full, "_RETRY_INTERVAL", 0.01)
    marker = tmp_path / "waiting-for-space"
    seen: list[bool] = []
    token = disk_full.waiting_marker.set(marker)

    def write() -> None:
        seen.append(marker.exists())
        if len(seen) < 3:
            raise OSError(errno.ENOSPC, "No space")

    disk_full.retry_while_disk_full(write)
    assert (seen, marker.exists()) == ([False, True, True], False)
    seen.clear()
    with pytest.raises(OSError, match="No space"):
        disk_full.retry_while_disk_full(write, lambda: len(seen) == 2)
    assert (seen, marker.exists()) == ([False, True], False)
    disk_full.waiting_marker.set(tmp_path / "nowhere" / "x")
    seen.clear()
    disk_full.retry_while_disk_full(write)
    disk_full.waiting_marker.reset(token)
