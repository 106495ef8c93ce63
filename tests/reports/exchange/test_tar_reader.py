"""Hostile archives are named on one line, in bounded memory and time."""

from __future__ import annotations

import gzip
import io
import os
import tarfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from attnctl.reports.exchange import tar_reader
from tests.fixtures import limited_memory

Blocks = Iterator[bytes]
MANIFEST = b'{"attnctl_archive": 1, "files": {}}'


def header(name: str, size: int, kind: bytes = tarfile.REGTYPE) -> bytes:
    member = tarfile.TarInfo(name)
    member.size, member.type = size, kind
    return member.tobuf(tarfile.GNU_FORMAT)


def file(name: str, content: bytes) -> bytes:
    return header(name, len(content)) + content + bytes(-len(content) % 512)


def zeros(size: int) -> Blocks:
    for _ in range(size >> 20):
        yield bytes(1 << 20)


def pax_bomb() -> Blocks:
    """A header of 1 GB for one name, which is a few MB of gzip."""
    yield header("x", 1 << 30, tarfile.XHDTYPE)
    yield from zeros(1 << 30)


def long_name_bomb() -> Blocks:
    yield header("x", 1 << 30, tarfile.GNUTYPE_LONGNAME)
    yield from zeros(1 << 30)


def chained_headers() -> Blocks:
    yield header("x", 0, tarfile.XHDTYPE) * 20_000
    yield file("first/a", b"")


def manifest_bomb() -> Blocks:
    yield header("first/manifest.json", 1 << 30)
    yield from zeros(1 << 30)


def spec_bomb() -> Blocks:
    yield header("first/runs/0123456789abcdef/spec.json", 1 << 30)
    yield from zeros(1 << 30)


def nested_manifest() -> Blocks:
    yield file("first/manifest.json", b'{"a":' * 200_000 + b"1" + b"}" * 200_000)


def wide_manifest() -> Blocks:
    yield file("first/manifest.json", b'{"attnctl_archive": 1, "files": [' + b"{}," * 5_000_000 + b"{}]}")


def huge_size() -> Blocks:
    yield header("first/a", 1 << 62)


def negative_size() -> Blocks:
    """Python's tarfile reads the same header for ever: its size leads back to it."""
    yield file("first/a", b"a")
    member = bytearray(header("first/b", 0))
    member[124:136] = b"\xff" * 10 + (-512).to_bytes(2, "big", signed=True)
    member[148:156] = b"%06o\0 " % (sum(member[:148]) + 8 * ord(" ") + sum(member[156:]))
    yield bytes(member)
    yield file("first/c", b"c")


def many_files() -> Blocks:
    for number in range(110_000):
        yield header(f"first/{number}", 0)


def global_headers() -> Blocks:
    content = b"".join(b"20 key%03d=value%04d\n" % (number, number) for number in range(100))
    yield header("x", len(content), tarfile.XGLTYPE) + content + bytes(-len(content) % 512)
    yield file("first/a", b"")


HOSTILE: dict[Callable[[], Blocks], str] = {
    pax_bomb: "its headers are too large",
    long_name_bomb: "its headers are too large",
    chained_headers: "its headers are too large",
    manifest_bomb: "manifest.json is larger than 16 MiB",
    spec_bomb: "spec.json is larger than 1 MiB",
    nested_manifest: "nested too deep",
    wide_manifest: "lists no files",
    huge_size: "it ends too early",
    negative_size: "its headers lead backwards",
    many_files: "it has more than 100000 files",
    global_headers: "it has global headers",
}


def write(path: Path, blocks: Blocks) -> None:
    with gzip.GzipFile(path, "wb", compresslevel=1) as stream:
        for block in blocks:
            stream.write(block)
        stream.write(bytes(1024))


@pytest.mark.parametrize(("blocks", "reason"), HOSTILE.items(), ids=[blocks.__name__ for blocks in HOSTILE])
def test_a_hostile_archive_is_named_on_one_line(blocks: Callable[[], Blocks], reason: str, tmp_path: Path) -> None:
    write(tmp_path / "hostile.tar.gz", blocks())
    done = limited_memory.command("archive", "--check", "hostile.tar.gz", megabytes=768, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, ""), done.stderr
    assert done.stderr.startswith("attnctl: hostile.tar.gz is ")
    assert reason in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_fifo_is_named(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "hostile.tar.gz")
    done = limited_memory.command("archive", "--check", "hostile.tar.gz", megabytes=768, cwd=tmp_path)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert "hostile.tar.gz" in done.stderr


def sparse() -> Blocks:
    """A file of holes, whose content is 4 EB of zeros."""
    member = bytearray(header("first/sparse", 0, tarfile.GNUTYPE_SPARSE))
    member[483:495] = b"\x80" + (1 << 62).to_bytes(11, "big")
    member[148:156] = b"%06o\0 " % (sum(member[:148]) + 8 * ord(" ") + sum(member[156:]))
    yield bytes(member)
    yield file("first/manifest.json", MANIFEST)


def twice() -> Blocks:
    yield file("first/a", b"good") + file("first/a", b"bad")
    yield file("first/manifest.json", MANIFEST)


def many_faults() -> Blocks:
    for number in range(1000):
        yield file(f"first/{number}", b"")
    yield file("first/manifest.json", MANIFEST)


@pytest.mark.parametrize(
    ("blocks", "reason", "lines"),
    [
        (sparse, "first/sparse is not a regular file in the archive's folder", 1),
        (twice, "a is in the archive more than once", 2),
        (many_faults, "and more, which are not listed", 101),
    ],
)
def test_a_hostile_member_is_a_fault(blocks: Callable[[], Blocks], reason: str, lines: int, tmp_path: Path) -> None:
    write(tmp_path / "hostile.tar.gz", blocks())
    done = limited_memory.command("archive", "--check", "hostile.tar.gz", megabytes=768, cwd=tmp_path)
    assert (done.returncode, done.stderr.count("\n")) == (1, lines), done.stderr
    assert reason in done.stderr


def test_damaged_bytes_raise_only_what_is_documented(tmp_path: Path) -> None:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz") as tar:
        for number in range(3):
            member = tarfile.TarInfo(f"first/{number}" + "long" * 40)
            member.size = 1000
            tar.addfile(member, io.BytesIO(os.urandom(1000)))
    whole = stream.getvalue()
    for place in range(0, len(whole), 29):
        damaged = bytearray(whole)
        damaged[place] ^= 0xFF
        (tmp_path / "a.tar.gz").write_bytes(damaged)
        try:
            with tar_reader.reading(tmp_path / "a.tar.gz") as tar_file:
                sizes = [sum(map(len, tar_file.blocks(member))) for member in tar_file]
        except (OSError, EOFError, zlib.error, tarfile.TarError):
            continue
        assert sum(sizes) <= 3000
