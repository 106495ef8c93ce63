"""Writing files whole."""

from __future__ import annotations

import ast
import errno
import multiprocessing
import os
import socket
from collections.abc import Callable, Iterator
from multiprocessing.queues import Queue
from multiprocessing.synchronize import Event
from pathlib import Path
from urllib.error import URLError

import pytest

from attnctl import files
from attnctl.files import create_exclusive, made_aside, open_regular, read_end, read_regular, write_atomic


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


def test_the_end_of_a_short_and_of_a_long_file_is_read(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_bytes(b"short")
    assert read_end(log) == b"short"
    log.write_bytes(b"a" * 100_000 + b"z")
    assert read_end(log) == b"a" * 16_383 + b"z"


@pytest.mark.parametrize("follow", [True, False])
def test_only_regular_files_are_opened(tmp_path: Path, follow: bool) -> None:
    """A FIFO would block for ever, a device would fill the memory; neither is waited for here."""
    (tmp_path / "file").write_bytes(b"content")
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "fifo")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "socket"))
    (tmp_path / "link to a file").symlink_to("file")
    (tmp_path / "link to a device").symlink_to("/dev/zero")
    (tmp_path / "link to a fifo").symlink_to("fifo")
    assert read_regular(tmp_path / "file", follow=follow) == b"content"
    for name in ("fifo", "socket", "link to a device", "link to a fifo"):
        words = "this is a symbolic link" if not follow and "link" in name else "this is not a regular file"
        with pytest.raises(OSError, match=words) as caught:
            open_regular(tmp_path / name, follow=follow)
        assert caught.value.filename == str(tmp_path / name)
    with pytest.raises(IsADirectoryError):
        open_regular(tmp_path / "folder", follow=follow)
    with pytest.raises(FileNotFoundError):
        open_regular(tmp_path / "nothing", follow=follow)
    if follow:
        assert read_regular(tmp_path / "link to a file") == b"content"
    else:
        with pytest.raises(OSError, match="this is a symbolic link"):
            open_regular(tmp_path / "link to a file", follow=False)


def test_a_file_that_becomes_a_fifo_between_check_and_opening_blocks_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"content")
    before = path.stat()
    path.unlink()
    os.mkfifo(path)
    monkeypatch.setattr(Path, "stat", lambda _path: before)
    with pytest.raises(OSError, match="this is not a regular file"):
        open_regular(path)


ROOT = Path(__file__).parents[2]

OPENED_OTHERWISE = {
    "attnctl/files.py": "the one careful opener; a folder, to sync it",
    "attnctl/backbones/__init__.py": "files of the package itself",
    "attnctl/backbones/library.py": "files of the package itself",
    "attnctl/backbones/table.py": "files of the package itself",
    "attnctl/models/__init__.py": "files of the package itself",
    "attnctl/networks/plain_counts.py": "a file of the package itself",
    "attnctl/networks/weights/published.py": "a file that the user names, or of the user's own cache",
    "attnctl/papers/counts.py": "a file of the package itself",
    "attnctl/papers/traits.py": "a file of the package itself",
    "attnctl/recipes/__init__.py": "files of the package itself",
    "attnctl/sources/signature.py": "files of the package itself",
    "attnctl/user_cache.py": "files of the package itself",
    "reports/html.py": "a file of the package itself",
    "attnctl/cli/commands/paper.py": "a file of the package itself",
    "db/store.py": "a file of the package itself",
    "jobs/submission/guard.py": "a file of the package itself",
    "jobs/submission/code_snapshot.py": "files of the package itself",
    "attnctl/cli/commands/import_.py": "the file that the user names, which may be a pipe",
    "attnctl/cli/sweeping/init_weights.py": "the file that the user names",
    "attnctl/papers/__init__.py": "the file that the user names, which may be a pipe",
    "attnctl/papers/check.py": "the file that the user names, which may be a pipe",
    "attnctl/recipes/timm_parts.py": "a file of an installed package",
    "attnctl/recipes/file.py": "the file that the user names, which may be a pipe",
    "attnctl/cli/errors.py": "/dev/null",
    "attnctl/networks/weights/onnx_file.py": "/dev/null",
    "attnctl/workspace/file_systems.py": "files of the kernel",
    "jobs/runtime/rendezvous.py": "a file of the kernel",
    "jobs/training/environment.py": "files of the kernel",
    "jobs/bench.py": "a file of the kernel",
    "attnctl/cli/reporting/archive_contents.py": "a temporary file of this process",
    "attnctl/sources/isolated.py": "a file in a temporary folder of our parent process",
    "jobs/trial.py": "files in a temporary folder of our parent process",
    "jobs/doctor/checks.py": "a file that this process has just written",
    "attnctl/workspace/submissions.py": "a file that this process has just written, to sync it",
    "jobs/training/events.py": "the log that this process writes",
    "jobs/worker.py": "the log that this process writes",
    "jobs/data/fetch.py": "a file that this process has just downloaded",
    "jobs/data/files.py": "images, which are too many to look at each twice",
}
"""File -> why it may open a file for reading without `open_regular`."""


def _bare_reads(source: str) -> Iterator[str]:
    """The calls in a Python file that open a file for reading whatever it is."""
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Call):
            continue
        name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        owner = getattr(getattr(node.func, "value", None), "id", "")
        mode = [arg.value for arg in node.args if isinstance(arg, ast.Constant)] or ["r"]
        writes = isinstance(mode[0], str) and mode[0][:1] in {"w", "a", "x"}
        if name in {"read_bytes", "read_text"} or (
            name == "open" and owner not in {"tarfile", "Image", "archive"} and not writes
        ):
            yield f"{owner}.{name}"


def test_files_of_other_processes_are_opened_carefully() -> None:
    found = {
        path.relative_to(ROOT).as_posix(): calls
        for package in ("attnctl", "jobs", "db", "reports")
        for path in (ROOT / package).rglob("*.py")
        if (calls := sorted(set(_bare_reads(path.read_text(encoding="utf-8")))))
    }
    assert set(found) == set(OPENED_OTHERWISE), found


def test_the_search_sees_every_form_of_a_bare_read() -> None:
    source = 'path.read_bytes()\n(a / b).read_text()\nopen(x)\npath.open()\npath.open("rb")\nos.open(x, 0)\n'
    assert len(list(_bare_reads(source))) == 6
    assert not list(_bare_reads('path.open("wb")\nread_regular(path)\npath.open("a", encoding="utf-8")\n'))


MAKERS = {"mkdtemp", "mkstemp", "TemporaryDirectory", "NamedTemporaryFile", "TemporaryFile"}
"""Of tempfile: what they make has a name that nobody can guess, and only its user can open it."""


def test_every_file_in_a_shared_temporary_folder_is_made_by_tempfile_or_checked() -> None:
    """`gettempdir` gives a folder in which others may have prepared a name; only staging uses it, with `own_folder`."""
    found = {
        (path.relative_to(ROOT).as_posix(), node.attr)
        for package in ("attnctl", "jobs", "db", "reports")
        for path in (ROOT / package).rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Attribute) and getattr(node.value, "id", "") == "tempfile" and node.attr not in MAKERS
    }
    assert found == {("jobs/data/staging.py", "gettempdir")}
    assert "own_folder(base)" in (ROOT / "jobs/data/staging.py").read_text(encoding="utf-8")


def test_a_folder_above_in_which_others_can_write_is_found(tmp_path: Path) -> None:
    assert files.others_can_write_above(Path("/usr/bin/python3")) is None
    shared = tmp_path / "shared"
    (shared / "own").mkdir(parents=True, mode=0o755)
    shared.chmod(0o1777)
    assert files.others_can_write_above(shared / "own" / "missing" / "file") == shared
