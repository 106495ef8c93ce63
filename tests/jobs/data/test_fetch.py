from __future__ import annotations

import dataclasses
import hashlib
import http.server
import threading
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from attnctl.datasets import DataFile, describe
from attnctl.datasets.descriptor import Dataset
from attnctl.jobs.data import fetch as fetch_module
from attnctl.jobs.data.errors import DataError
from attnctl.jobs.data.fetch import fetch
from tests.jobs.data.published import cifar100_files, write_tar


class Server(http.server.ThreadingHTTPServer):
    """Serves `content` with ranges; `cut` ends each answer after so many bytes; `ranges` off ignores Range."""

    content = b""
    cut: int | None = None
    ranges = True
    status: int | None = None

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.asked: list[str | None] = []


class Handler(http.server.BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        server, asked = self.server, self.headers.get("Range")
        server.asked.append(asked)
        begin = int(asked.removeprefix("bytes=").removesuffix("-")) if asked and server.ranges else 0
        body = server.content[begin:]
        status = server.status or (416 if asked and server.ranges and not body else 206 if begin else 200)
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body[: server.cut])

    def log_message(self, *arguments: object) -> None:
        pass


Served = tuple[Server, Dataset, dict[str, bytes]]


def md5(content: bytes) -> str:
    return hashlib.md5(content, usedforsecurity=False).hexdigest()


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    """A server with a small CIFAR-100, and its descriptor."""
    files = cifar100_files()
    path = write_tar(
        tmp_path / "made.tar.gz", {f"cifar-100-python/{name}": value for name, value in files.items()}, gz=True
    )
    server = Server()
    server.content = path.read_bytes()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    dataset = dataclasses.replace(
        describe("cifar100"),
        url=f"http://127.0.0.1:{server.server_port}/cifar-100-python.tar.gz",
        md5=md5(server.content),
        files=tuple(DataFile(name, md5(files[name])) for name in ("train", "test")),
    )
    yield server, dataset, files
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "data" / "cifar-100-python"


def quiet(done: int, total: int | None) -> None:
    """No progress."""


def test_the_files_are_downloaded_with_progress(served: Served, folder: Path) -> None:
    server, dataset, files = served
    seen = []
    targets = fetch(dataset, folder, lambda done, total: seen.append((done, total)))
    assert [target.read_bytes() for target in targets] == [files["train"], files["test"]]
    assert seen[0] == (0, len(server.content))
    assert seen[-1] == (len(server.content), len(server.content))
    assert seen == sorted(seen)
    assert sorted(path.name for path in folder.iterdir()) == ["test", "train"]
    assert [path.name for path in folder.parent.iterdir() if path.is_file()] == [dataset.archive]


def test_existing_files_are_left_unchanged(served: Served, folder: Path) -> None:
    server, dataset, _ = served
    fetch(dataset, folder, quiet)
    fetch(dataset, folder, quiet)
    assert len(server.asked) == 1


def test_an_existing_archive_is_only_unpacked(served: Served, folder: Path) -> None:
    server, dataset, files = served
    folder.parent.mkdir()
    (folder.parent / dataset.archive).write_bytes(server.content)
    assert fetch(dataset, folder, quiet)[0].read_bytes() == files["train"]
    assert server.asked == []
    (folder / "train").unlink()
    (folder.parent / dataset.archive).write_bytes(server.content[:-1])
    with pytest.raises(DataError, match=r"tar.gz has MD5 .*; delete it and run the command again"):
        fetch(dataset, folder, quiet)


def test_an_interrupted_download_is_continued(served: Served, folder: Path) -> None:
    server, dataset, files = served
    server.cut = 1000
    with pytest.raises(DataError, match=r"stopped at 1000 .*run the command again to continue"):
        fetch(dataset, folder, quiet)
    server.cut = None
    assert fetch(dataset, folder, quiet)[0].read_bytes() == files["train"]
    assert server.asked == [None, "bytes=1000-"]


def test_a_download_starts_over_if_the_server_does_not_support_ranges(served: Served, folder: Path) -> None:
    server, dataset, files = served
    folder.mkdir(parents=True)
    (folder.parent / f"{dataset.archive}.part").write_bytes(b"something else")
    server.ranges = False
    assert fetch(dataset, folder, quiet)[0].read_bytes() == files["train"]


def test_a_complete_part_file_is_not_downloaded_again(served: Served, folder: Path) -> None:
    server, dataset, files = served
    folder.mkdir(parents=True)
    (folder.parent / f"{dataset.archive}.part").write_bytes(server.content)
    assert fetch(dataset, folder, quiet)[0].read_bytes() == files["train"]


def test_a_download_with_a_wrong_md5_is_deleted(served: Served, folder: Path) -> None:
    server, dataset, _ = served
    server.content = server.content[:-1] + b"?"
    with pytest.raises(DataError, match=rf"has MD5 \w+ instead of {dataset.md5}; the download was deleted"):
        fetch(dataset, folder, quiet)
    assert list(folder.parent.rglob("*")) == []


def test_a_wrong_file_in_the_archive_is_not_put_in_place(served: Served, folder: Path) -> None:
    _, dataset, _ = served
    wrong = dataclasses.replace(dataset, files=(DataFile("train", "0" * 32), *dataset.files[1:]))
    with pytest.raises(DataError, match=r"tar.gz:train has MD5 .* instead of 000"):
        fetch(wrong, folder, quiet)
    assert list(folder.iterdir()) == []


def test_an_http_error_is_a_one_line_error(served: Served, folder: Path) -> None:
    server, dataset, _ = served
    server.status = 404
    with pytest.raises(DataError, match=r"^http://127.*: the server answered 404 Not Found$"):
        fetch(dataset, folder, quiet)


def test_an_unreachable_server_is_a_one_line_error(
    served: Served, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, dataset, _ = served
    monkeypatch.setattr(fetch_module, "_TIMEOUT", 2.0)
    gone = dataclasses.replace(dataset, url="http://127.0.0.1:1/x.tar.gz")
    with pytest.raises(DataError, match=r"stopped at 0 bytes \(.*refused"):
        fetch(gone, folder, quiet)
    assert list(folder.parent.rglob("*")) == []


@pytest.mark.parametrize("url", ["file:///etc/passwd", "ftp://example.org/x"])
def test_only_http_addresses_are_fetched(served: Served, folder: Path, url: str) -> None:
    _, dataset, _ = served
    with pytest.raises(DataError, match="is not an http or https address"):
        fetch(dataclasses.replace(dataset, url=url), folder, quiet)


def test_a_data_set_without_an_address_names_its_source(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="imagenet cannot be downloaded: ILSVRC 2012"):
        fetch(describe("imagenet"), tmp_path, quiet)


def test_an_unwritable_folder_is_a_one_line_error(served: Served, tmp_path: Path) -> None:
    _, dataset, _ = served
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(DataError, match="cannot download cifar100 to"):
        fetch(dataset, tmp_path / "file" / "cifar-100-python", quiet)


def test_a_second_simultaneous_download_is_refused(served: Served, folder: Path) -> None:
    import fcntl

    _, dataset, _ = served
    folder.mkdir(parents=True)
    with (folder.parent / f"{dataset.archive}.part").open("ab") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with pytest.raises(DataError, match="being downloaded by another process"):
            fetch(dataset, folder, quiet)


def test_class_maps_are_fetched_when_asked_for_and_need_no_published_md5(served: Served, tmp_path: Path) -> None:
    """COCO's are a zip without a published digest, whose files go into a folder of their own."""
    server, _, _ = served
    made = tmp_path / "maps.zip"
    with zipfile.ZipFile(made, "w") as packed:
        packed.writestr("train2017/a.png", b"a map")
        packed.writestr("val2017/b.png", b"another")
    server.content = made.read_bytes()
    address = f"http://127.0.0.1:{server.server_port}/stuffthingmaps_trainval2017.zip"
    (archive,) = describe("coco").map_archives
    coco = dataclasses.replace(
        describe("coco"), archives=(), map_archives=(dataclasses.replace(archive, url=address),), url="", files=()
    )
    folder = tmp_path / "coco"
    fetch(coco, folder, quiet)
    assert not folder.exists()
    fetch(coco, folder, quiet, maps=True)
    assert (folder / "stuffthingmaps" / "train2017" / "a.png").read_bytes() == b"a map"
    assert (folder / "stuffthingmaps" / "val2017" / "b.png").read_bytes() == b"another"
    asked = len(server.asked)
    fetch(coco, folder, quiet, maps=True)
    assert len(server.asked) == asked


def test_a_damaged_zip_without_a_published_md5_is_refused(served: Served, tmp_path: Path) -> None:
    server, _, _ = served
    made = tmp_path / "maps.zip"
    with zipfile.ZipFile(made, "w") as packed:
        packed.writestr("train2017/a.png", b"a map of one picture")
    server.content = made.read_bytes().replace(b"a map of one", b"a map of two")
    address = f"http://127.0.0.1:{server.server_port}/stuffthingmaps_trainval2017.zip"
    (archive,) = describe("coco").map_archives
    coco = dataclasses.replace(
        describe("coco"), archives=(), map_archives=(dataclasses.replace(archive, url=address),), url="", files=()
    )
    with pytest.raises(DataError, match="Bad CRC-32"):
        fetch(coco, tmp_path / "coco", quiet, maps=True)
