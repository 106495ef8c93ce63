"""Checks files of torch.save before torch loads them: a small hostile file can ask for any amount of memory.

What torch itself checks is left to it: with weights_only=True it calls nothing but its own constructors.
"""

from __future__ import annotations

import io
import os
import pickle
import pickletools
import zipfile
from pathlib import Path
from typing import IO, Any, BinaryIO

from attnctl.files import open_regular, reason
from attnctl.values import SpecError

LARGEST_PICKLE = 16 << 20
"""Bytes of the names and shapes in a file, which are apart from its numbers. Those of the largest networks take one."""

DEEPEST = 100
"""Levels of containers in a file; state_dicts have ten. Python's hash of a tuple that is nested deeper crashes."""

_ZIP = b"PK"
_PICKLE = pickle.PROTO
_FILLS = {"APPEND", "APPENDS", "SETITEM", "SETITEMS", "ADDITEMS", "BUILD"}
"""Opcodes that put values into the container before them."""


def check(path: Path) -> None:
    """Raise SpecError, which names the file, unless torch can load it in about as much memory as the file is large."""
    try:
        with open_regular(path) as stream:
            start = stream.read(2)
            stream.seek(0)
            if start == _ZIP:
                _check_zip(stream, os.fstat(stream.fileno()).st_size)
            elif start[:1] == _PICKLE:
                _check_pickles(stream)
            else:
                raise ValueError("it was not written by torch.save")
    except (OSError, EOFError, ValueError, NotImplementedError, RuntimeError, zipfile.BadZipFile) as error:
        raise SpecError(f"cannot load weights from {path}: {reason(error)}") from error


class _Limited(io.RawIOBase):
    """A file of which no single read takes more than LARGEST_PICKLE, so that a zip's directory cannot be larger."""

    def __init__(self, stream: BinaryIO, size: int) -> None:
        super().__init__()
        self._stream = stream
        self._size = size

    def read(self, size: int | None = -1, /) -> bytes:
        left = max(0, self._size - self._stream.tell())
        wanted = left if size is None or size < 0 else min(size, left)
        if wanted > LARGEST_PICKLE:
            raise ValueError("its directory is too large")
        return self._stream.read(wanted)

    def seek(self, offset: int, whence: int = os.SEEK_SET, /) -> int:
        return self._stream.seek(offset, whence)

    def tell(self) -> int:
        return self._stream.tell()

    def seekable(self) -> bool:
        return True


def _check_zip(stream: BinaryIO, size: int) -> None:
    limited: Any = _Limited(stream, size)
    with zipfile.ZipFile(limited) as archive:
        entries = archive.infolist()
        if any(entry.compress_type != zipfile.ZIP_STORED for entry in entries):
            raise ValueError("its content is compressed, which torch.save never does")
        if sum(entry.file_size for entry in entries) > size:
            raise ValueError("it declares more bytes than it has")
        pickles = [entry for entry in entries if entry.filename.rpartition("/")[2] == "data.pkl"]
        if len(pickles) != 1:
            raise ValueError("it was not written by torch.save")
        if pickles[0].file_size > LARGEST_PICKLE:
            raise ValueError("its list of tensors is too large")
        _check_pickle(io.BytesIO(archive.read(pickles[0])))


def _check_pickles(stream: BinaryIO) -> None:
    """The format before PyTorch 1.6: a number, a version, the machine, the weights, then a list of the storages."""
    start = io.BytesIO(stream.read(LARGEST_PICKLE))
    for _ in range(5):
        _check_pickle(start)


def _check_pickle(stream: IO[bytes]) -> None:
    """Follow a pickle without building anything; each value is represented by its number of levels."""
    values: list[int] = []
    marks: list[int] = []
    memo: dict[int, int] = {}
    for code, argument, _ in pickletools.genops(stream):
        if code.name == "GLOBAL" and str(argument).endswith(" bytearray"):
            raise ValueError("it contains a bytearray, which can be of any size")
        if code.name == "MARK":
            marks.append(len(values))
        elif code.name in {"BINPUT", "LONG_BINPUT"}:
            memo[int(str(argument))] = values[-1] if values else 0
        elif code.name in {"BINGET", "LONG_BINGET"}:
            values.append(memo.get(int(str(argument)), 0))
        else:
            _apply(code, values, marks)


def _apply(code: pickletools.OpcodeInfo, values: list[int], marks: list[int]) -> None:
    """Take off the values that an opcode uses, and put on those that it makes."""
    if pickletools.markobject in code.stack_before:
        first = (marks.pop() if marks else 0) - code.stack_before.index(pickletools.markobject)
    else:
        first = len(values) - len(code.stack_before)
    used = values[max(0, first) :]
    del values[max(0, first) :]
    container, inner = (used[0], used[1:]) if code.name in _FILLS and used else (0, used)
    levels = max(container, max(inner, default=-1) + 1)
    if levels > DEEPEST:
        raise ValueError("it is nested too deep")
    values.extend([levels] * len(code.stack_after))
