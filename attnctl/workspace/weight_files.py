"""Checks weight files before they are loaded: a small hostile file can ask for any amount of memory.

Files of torch.save are followed without building anything. What torch itself checks is left to it: with
weights_only=True it calls nothing but its own constructors. Of a safetensors file the header is read.
"""

from __future__ import annotations

import _compat_pickle
import io
import math
import os
import pickle
import pickletools
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, BinaryIO

from attnctl.files import open_regular, reason
from attnctl.values import SpecError
from attnctl.workspace import untrusted_json

LARGEST_PICKLE = 16 << 20
"""Bytes of the names and shapes in a file, which are apart from its numbers. Those of the largest networks take one."""

MOST_OPCODES = 1_000_000
"""Steps of one pickle, each of which takes a microsecond to follow. A tensor takes about forty."""

DEEPEST = 100
"""Levels of containers in a file; state_dicts have ten. Python's hash of a tuple that is nested deeper crashes."""

MOST_CLASSES = 1000
"""Different classes and functions in a file; a checkpoint with its options, optimizer and scores has twenty."""

BYTES = {
    **dict.fromkeys(("F64", "I64", "U64"), 8),
    **dict.fromkeys(("F32", "I32", "U32"), 4),
    **dict.fromkeys(("F16", "BF16", "I16", "U16"), 2),
    **dict.fromkeys(("I8", "U8", "BOOL"), 1),
}
"""Bytes of one number, by the types of the safetensors format."""

_ZIP = b"PK"
_ALIGNMENT = ".storage_alignment"
_LONGEST_NUMBER = 9
_PICKLE = pickle.PROTO
_NEWEST_PROTOCOL = 3
"""torch.save writes protocol 2, and torch reads no newer one than 3 without running code."""
_MOST_DIMENSIONS = 64
_LENGTH = 8
"""Bytes of the length before the header of a safetensors file."""
_OTHERS = {
    b"version https://git-lfs": "it is a Git LFS pointer; run git lfs pull",
    b"\x1f\x8b": "it is compressed by gzip; unpack it first",
    b"\x89HDF": "it is an HDF5 file, not one of torch.save or safetensors",
    b"<!DOCTYPE": "it is a web page, not weights; download the file again",
    b"<html": "it is a web page, not weights; download the file again",
}
"""How files begin that are often taken for weights, and what they are."""
_FILLS = {"APPEND", "APPENDS", "SETITEM", "SETITEMS", "ADDITEMS", "BUILD"}
"""Opcodes that put values into the container before them."""


@dataclass(frozen=True)
class Entry:
    """A tensor of a safetensors file. first, last: its bytes in the file."""

    dtype: str
    shape: tuple[int, ...]
    first: int
    last: int


@dataclass(frozen=True, kw_only=True)
class Content:
    """What a checked file has. classes: the classes and functions that its pickle names, such as `argparse.Namespace`.

    entries: of a safetensors file, its tensors by name; None for a file of torch.save.
    """

    classes: frozenset[str] = field(default_factory=frozenset)
    entries: Mapping[str, Entry] | None = None


def check(path: Path) -> Content:
    """Raise SpecError, which names the file, unless it can be loaded in about as much memory as the file is large."""
    try:
        with open_regular(path) as stream:
            return _content(stream, os.fstat(stream.fileno()).st_size)
    except (OSError, EOFError, ValueError, NotImplementedError, RuntimeError, zipfile.BadZipFile) as error:
        raise SpecError(f"cannot load weights from {path}: {reason(error)}") from error


def check_archive(data: bytes) -> None:
    """Raise an exception unless these bytes are an archive of torch.save, loaded in memory and time for their size."""
    _check_zip(io.BytesIO(data), len(data), set())


def _content(stream: io.BufferedReader, size: int) -> Content:
    start = stream.read(_LENGTH + 1)
    stream.seek(0)
    if not size:
        raise ValueError("it is empty")
    if start[_LENGTH:] == b"{" and int.from_bytes(start[:_LENGTH], "little") <= size - _LENGTH:
        return Content(entries=_entries(stream, size))
    classes: set[str] = set()
    if start.startswith(_ZIP):
        _check_zip(stream, size, classes)
    elif start[:1] == _PICKLE:
        _check_pickles(stream, classes)
    else:
        beginning = stream.read(64).lstrip()
        told = [words for known, words in _OTHERS.items() if beginning.startswith(known)]
        raise ValueError(told[0] if told else "it was not written by torch.save or safetensors")
    return Content(classes=frozenset(classes))


def _entries(stream: BinaryIO, size: int) -> dict[str, Entry]:
    """The tensors in the header of a safetensors file; raises ValueError."""
    length = int.from_bytes(stream.read(_LENGTH), "little")
    if length > LARGEST_PICKLE:
        raise ValueError("its list of tensors is too large")
    header = untrusted_json.loads_object(stream.read(length))
    header.pop("__metadata__", None)
    return {name: _entry(name, value, _LENGTH + length, size) for name, value in header.items()}


def _entry(name: str, value: Any, start: int, size: int) -> Entry:
    match value:
        case {"dtype": str(dtype), "shape": list(shape), "data_offsets": [int(first), int(last)]} if (
            dtype in BYTES and len(shape) <= _MOST_DIMENSIONS
        ):
            whole = all(type(side) is int and 0 <= side <= size for side in shape)
            if whole and 0 <= first <= last <= size - start and math.prod(shape) * BYTES[dtype] == last - first:
                return Entry(dtype, tuple(shape), start + first, start + last)
    raise ValueError(f"its header describes no tensor at {name!r:.80}")


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


def _check_zip(stream: BinaryIO, size: int, classes: set[str]) -> None:
    limited: Any = _Limited(stream, size)
    with zipfile.ZipFile(limited) as archive:
        entries = archive.infolist()
        for entry in entries:
            del entry.CRC  # zipfile would compare it, but torch ignores it and need not write it (set_crc32_options)
        if any(entry.compress_type != zipfile.ZIP_STORED for entry in entries):
            raise ValueError("its content is compressed, which torch.save never does")
        if sum(entry.file_size for entry in entries) > size:
            raise ValueError("it declares more bytes than it has")
        check_alignment(archive)
        pickles = [entry for entry in entries if entry.filename.rpartition("/")[2] == "data.pkl"]
        if len(pickles) != 1:
            raise ValueError("it was not written by torch.save")
        if pickles[0].file_size > LARGEST_PICKLE:
            raise ValueError("its list of tensors is too large")
        _check_pickle(io.BytesIO(archive.read(pickles[0])), classes)


def check_alignment(archive: zipfile.ZipFile) -> None:
    """Raise ValueError unless the alignment of the storages is a number: torch divides by it, so that 0 kills it."""
    for entry in archive.infolist():
        if entry.filename.rpartition("/")[2] == _ALIGNMENT:
            text = archive.read(entry) if entry.file_size <= _LONGEST_NUMBER else b""
            if not text.isdigit() or not int(text):
                raise ValueError(f"its {_ALIGNMENT} is not a number of bytes")


def _check_pickles(stream: BinaryIO, classes: set[str]) -> None:
    """The format before PyTorch 1.6: a number, a version, the machine, the weights, then a list of the storages."""
    start = io.BytesIO(stream.read(LARGEST_PICKLE))
    for _ in range(5):
        _check_pickle(start, classes)


def _check_pickle(stream: IO[bytes], classes: set[str]) -> None:
    """Follow a pickle without building anything; each value is represented by its number of levels.

    classes: receives the classes and functions that it names.
    """
    values: list[int] = []
    marks: list[int] = []
    memo: dict[int, int] = {}
    for count, (code, argument, _) in enumerate(pickletools.genops(stream)):
        if count >= MOST_OPCODES:
            raise ValueError("its list of tensors is too long")
        if code.name == "PROTO" and int(str(argument)) > _NEWEST_PROTOCOL:
            raise ValueError(f"it was pickled with protocol {argument}; save it with torch.save's default protocol, 2")
        if code.name == "GLOBAL":
            _add_class(str(argument), classes)
        if code.name == "MARK":
            marks.append(len(values))
        elif code.name in {"BINPUT", "LONG_BINPUT"}:
            memo[int(str(argument))] = values[-1] if values else 0
        elif code.name in {"BINGET", "LONG_BINGET"}:
            values.append(memo.get(int(str(argument)), 0))
        else:
            _apply(code, values, marks)


def _add_class(words: str, classes: set[str]) -> None:
    """Add the class of an opcode's argument, such as `argparse Namespace`; raises ValueError."""
    module, _, name = words.partition(" ")
    if name == "bytearray":
        raise ValueError("it contains a bytearray, which can be of any size")
    module, name = _compat_pickle.NAME_MAPPING.get((module, name), (module, name))  # as pickle and torch read it
    classes.add(f"{_compat_pickle.IMPORT_MAPPING.get(module, module)}.{name}")
    if len(classes) > MOST_CLASSES:
        raise ValueError("it names too many classes")


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
