"""What the files of a user's own data set contain: a digest of their bytes, and a cheap sign that none has changed."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

from attnctl.files import open_regular, reason
from attnctl.values import SpecError

WHOLE_BYTES = 4 << 30
"""Up to this size all files are digested; of larger data sets, `_SAMPLED` files."""

_SAMPLED = 256
_WHOLE = "sha256:"
_THREADS = 16  # reading many small files mostly waits for the disk


class DataFile(NamedTuple):
    """A file. name: its path within the data set, as bytes."""

    name: bytes
    path: Path
    size: int
    mtime_ns: int

    @property
    def numbers(self) -> bytes:
        """Its size and time as text."""
        return f"\0{self.size}\0{self.mtime_ns}".encode()


def data_file(root: Path, path: Path) -> DataFile:
    """A file below the data set's folder; raises SpecError if it is not a regular file."""
    try:
        status = path.stat()
    except OSError as error:
        raise SpecError(f"{path} cannot be read: {error.strerror}") from error
    if not stat.S_ISREG(status.st_mode):
        raise SpecError(f"{path} is not a file")
    return DataFile(os.fsencode(path.relative_to(root)), path, status.st_size, status.st_mtime_ns)


def signature(files: Iterable[DataFile]) -> str:
    """A hash of the names, sizes and times of all files: while it is the same, their content is."""
    return _hash(item.name + item.numbers for item in files)


class Content(NamedTuple):
    """A digest of a data set's files, or of a sample with all names, sizes and times.

    text: see `attnctl.datasets.Dataset.content`. digests: of each file that was read.
    """

    text: str
    digests: Mapping[DataFile, bytes]

    @property
    def is_whole(self) -> bool:
        """Whether all files were read."""
        return self.text.startswith(_WHOLE)


def content(files: Sequence[DataFile]) -> Content:
    """Read the files, or a sample of them, which may take long; raises SpecError."""
    whole = sum(item.size for item in files) <= WHOLE_BYTES
    chosen = files if whole else files[:: max(1, len(files) // _SAMPLED)]
    with ThreadPoolExecutor(_THREADS) as pool:
        digests = dict(zip(chosen, pool.map(_digest, chosen), strict=True))
    lines = (item.name + (b"" if whole else item.numbers) + digests.get(item, b"") for item in files)
    return Content(f"{_WHOLE if whole else 'sample:'}{_hash(lines)}", digests)


def _digest(item: DataFile) -> bytes:
    try:
        with open_regular(item.path) as stream:
            return b"\0" + hashlib.file_digest(stream, "sha256").digest()
    except OSError as error:
        raise SpecError(f"{item.path} cannot be read: {reason(error)}") from error


def _hash(lines: Iterable[bytes]) -> str:
    digest = hashlib.sha256()
    for line in lines:
        digest.update(len(line).to_bytes(8, "little") + line)
    return digest.hexdigest()
