"""Reads archives that anybody may have written, in bounded memory.

Python's tarfile reads a header of any declared length into memory, follows chains of headers by recursion, and with a
negative size goes back in the file for ever. Here it gets few bytes for a member's headers, and only goes forwards.
"""

from __future__ import annotations

import gzip
import os
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, cast

from attnctl.files import open_regular

MOST_FILES = 100_000
"""Files in an archive."""

_HEADERS = 1 << 16
"""Bytes of all headers of one file: a name has at most 4096, and the other fields are short."""

_NAMES = 1 << 24
"""Characters of all names together."""

_BLOCK = 1 << 20


class TarReader:
    """The members of a tar file, in order. Its methods raise OSError, EOFError, zlib.error or tarfile.TarError."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = _Forward(stream)
        self._tar: Any = tarfile.TarFile(fileobj=cast("Any", self._stream))

    def __iter__(self) -> Iterator[tarfile.TarInfo]:
        count = names = 0
        while True:
            self._stream.allowed = _HEADERS
            member: tarfile.TarInfo | None = self._tar.next()
            if member is None:
                return
            count, names = count + 1, names + len(member.name)
            if count > MOST_FILES or names > _NAMES:
                raise tarfile.ReadError(f"it has more than {MOST_FILES} files, or names that are too long")
            if self._tar.pax_headers:
                raise tarfile.ReadError("it has global headers")
            self._tar.members.clear()  # tarfile keeps them all
            yield member

    def blocks(self, member: tarfile.TarInfo) -> Iterator[bytes]:
        """The content of the member that was yielded last, if it is a plain file."""
        return self._stream.blocks(member.size)


def is_plain(member: tarfile.TarInfo) -> bool:
    """Whether its content is in the archive as it is: it is not a link, device or folder, and has no holes."""
    return member.isreg() and not member.issparse() and member.size >= 0


@contextmanager
def reading(file: Path) -> Iterator[TarReader]:
    """Open a .tar.gz file."""
    with open_regular(file) as raw, gzip.GzipFile("", "rb", fileobj=raw) as unpacked:
        yield TarReader(cast("BinaryIO", unpacked))


class _Forward:
    """A stream that is read forwards. allowed: how many bytes `read` may still give."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._position = 0
        self.allowed = _HEADERS

    def read(self, size: int = -1) -> bytes:
        """Read headers."""
        if not 0 <= size <= self.allowed:
            raise tarfile.ReadError("its headers are too large")
        self.allowed -= size
        data = self._stream.read(size)
        self._position += len(data)
        return data

    def blocks(self, size: int) -> Iterator[bytes]:
        """Read that many bytes of content."""
        while size > 0:
            block = self._stream.read(min(size, _BLOCK))
            if not block:
                raise EOFError("it ends too early")
            size -= len(block)
            self._position += len(block)
            yield block

    def seek(self, position: int, whence: int = os.SEEK_SET) -> int:
        """Skip to a position that was not reached yet."""
        if whence != os.SEEK_SET or position < self._position:
            raise tarfile.ReadError("its headers lead backwards")
        for _ in self.blocks(position - self._position):
            pass
        return self._position

    def tell(self) -> int:
        """The number of bytes that were read or skipped."""
        return self._position
