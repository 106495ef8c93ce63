"""Writing files whole."""

from __future__ import annotations

import errno
import multiprocessing
from collections.abc import Callable
from multiprocessing.queues import Queue
from multiprocessing.synchronize import Event
from pathlib import Path
from urllib.error import URLError

import pytest

from attnctl import files
from attnctl.files import create_exclusive, made_aside, write_atomic


def test_an_atomic_write_leaves_the_old_or_the_new_file_and_no_temporary_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "deep" / "file"
    write_atomic(path, b"old", durable=True)

    def fail(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", fail)
    with pytest.raises(OSError, match="No space"):
        write_atomic(path, b"new", durable=True)
    assert path.read_bytes() == b"old"
    assert [item.name for item in path.parent.iterdir()] == ["file"]


def _claim(path: Path, data: bytes, start: Event, won: Queue[bool]) -> None:
    start.wait()
    won.put(create_exclusive(path, data))


def test_of_many_processes_one_creates_a_file(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    start, won = context.Event(), context.Queue()
    claims = [context.Process(target=_claim, args=(tmp_path / "owner", bytes([n]) * 99, start, won)) for n in range(4)]
    for process in claims:
        process.start()
    start.set()
    results = [won.get(timeout=60) for _ in claims]
    for process in claims:
        process.join()
    assert sorted(results) == [False, False, False, True]
    assert [item.name for item in tmp_path.iterdir()] == ["owner"]


def test_the_maker_of_a_file_may_claim_it_again(tmp_path: Path) -> None:
    assert create_exclusive(tmp_path / "owner", b"mine")
    assert create_exclusive(tmp_path / "owner", b"mine")
    assert not create_exclusive(tmp_path / "owner", b"yours")


def test_made_aside_replaces_a_file_or_a_folder(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("old")
    with made_aside(tmp_path / "file") as aside:
        aside.write_text("new")
        assert (tmp_path / "file").read_text() == "old"
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "old").write_text("x")
    with made_aside(tmp_path / "folder") as aside:
        aside.mkdir()
        (aside / "new").write_text("x")
    assert (tmp_path / "file").read_text() == "new"
    assert sorted(str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*")) == ["file", "folder", "folder/new"]


@pytest.mark.parametrize("made", [True, False])
def test_an_interrupted_write_keeps_the_old_content(made: bool, tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "old").write_text("x")

    def make() -> None:
        with made_aside(tmp_path / "folder") as aside:
            if made:
                aside.mkdir()
                raise KeyboardInterrupt  # else nothing is made, and there is nothing to rename

    with pytest.raises(KeyboardInterrupt if made else FileNotFoundError):
        make()
    assert sorted(str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*")) == ["folder", "folder/old"]


@pytest.mark.parametrize("write", [write_atomic, create_exclusive])
def test_an_error_names_the_file_that_was_to_be_written(tmp_path: Path, write: Callable[..., object]) -> None:
    """The name of the file aside is longer, and too long."""
    path = tmp_path / ("n" * 240)
    with pytest.raises(OSError, match="too long") as caught:
        write(path, b"data")
    assert caught.value.filename == str(path)


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (PermissionError(errno.EACCES, "Permission denied", "/data/x"), "/data/x: Permission denied"),
        (OSError(errno.ENOSPC, "No space left on device"), "No space left on device"),
        (URLError(OSError(errno.ECONNREFUSED, "Connection refused")), "Connection refused"),
        (URLError("no host given"), "<urlopen error no host given>"),
        (ValueError("not a number"), "not a number"),
        (OSError("odd"), "odd"),
    ],
)
def test_the_reason_of_an_error_has_no_number_of_the_system(error: Exception, words: str) -> None:
    assert files.reason(error) == words


def test_a_full_disk_and_a_reader_cannot_write() -> None:
    for number in (errno.ENOSPC, errno.EDQUOT):
        assert files.no_space(OSError(number, "full"))
        assert files.cannot_write(OSError(number, "full"))
    for number in (errno.EACCES, errno.EPERM, errno.EROFS):
        assert not files.no_space(OSError(number, "no"))
        assert files.cannot_write(OSError(number, "no"))
    assert not files.cannot_write(OSError(errno.EIO, "broken"))
    assert not files.cannot_write(ValueError("broken"))
