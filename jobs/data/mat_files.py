"""Reads an array of numbers out of the structs of a MATLAB 5 file, in which SBD publishes its class maps.

SciPy allocates what a file declares: a struct of 2**31 elements, or 14 GB that are compressed to 14 MB. Here no size
counts that the file's bytes do not bear out, and what is compressed has a limit. The format is described in MathWorks'
"MAT-File Format" (mathworks.com/help/pdf_doc/matlab/matfile_format.pdf); versions 6 and 7 of MATLAB write it.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

LARGEST = 64 << 20
"""Bytes of a file, and of what is compressed in it. The largest file of SBD has less than 1 MB."""

_HEADER = 128
_VERSION = 0x0100
_INT8, _UTF8, _INT32, _UINT32, _MATRIX, _COMPRESSED = 1, 16, 5, 6, 14, 15
_NUMBERS = {1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4", 7: "f4", 9: "f8", 12: "i8", 13: "u8"}
"""Type of an element -> numpy's code."""
_STRUCT = 2
_FIRST_NUMERIC, _LAST_NUMERIC = 6, 15
_COMPLEX = 0x0800
_MOST_AXES = 8
_LONGEST_NAME = 64
"""Bytes of the name of a field; MATLAB's names have at most 63 letters."""


def read_numbers(content: bytes, *names: str) -> npt.NDArray[Any]:
    """The array that a variable, its field, the field of this, and so on lead to; each struct has one element.

    Raises ValueError: the message says what is wrong with the file.
    """
    if len(content) > LARGEST:
        raise ValueError(f"it has more than {LARGEST >> 20} MiB")
    order = _byte_order(content)
    for variable in _variables(content[_HEADER:], order):
        matrix = _matrix(variable, order)
        if matrix.name == names[0]:
            for name in names[1:]:
                matrix = _field(matrix, name)
            return _numbers(matrix)
    raise ValueError(f"it has no variable {names[0]}")


Order = Literal["<", ">"]


class _Cursor:
    """Takes elements one after the other from the bytes of a file."""

    def __init__(self, data: memoryview, order: Order) -> None:
        self._data = data
        self.order: Order = order

    def __bool__(self) -> bool:
        return bool(self._data)

    def element(self) -> tuple[int, memoryview]:
        """The type and the bytes of the next element; those of a compressed one are not padded."""
        first = self._number(0)
        if first >> 16:  # a small element has its size and up to four bytes in its tag
            kind, size, start = first & 0xFFFF, first >> 16, 4
            padded = 4
            if size > padded:
                raise ValueError("an element of it has an invalid size")
        else:
            kind, size, start = first, self._number(4), 8
            padded = size if kind == _COMPRESSED else (size + 7) // 8 * 8
        if size > len(self._data) - start:
            raise ValueError("it is cut off, or declares more bytes than it has")
        content = self._data[start : start + size]
        self._data = self._data[start + padded :]
        return kind, content

    def expect(self, kind: int, *others: int) -> memoryview:
        """The bytes of the next element, which is of one of these types."""
        found, content = self.element()
        if found not in {kind, *others}:
            raise ValueError(f"it has an element of type {found} in the place of one of type {kind}")
        return content

    def integers(self, kind: int) -> list[int]:
        """The integers of the next element, which is of this type; there are few."""
        content = self.expect(kind)
        if len(content) % 4 or len(content) > 4 * _MOST_AXES:
            raise ValueError("it has an array with an invalid number of axes")
        return [int(number) for number in np.frombuffer(content, self.order + _NUMBERS[kind])]

    def _number(self, start: int) -> int:
        if len(self._data) < start + 4:
            raise ValueError("it is cut off")
        return int(np.frombuffer(self._data[start : start + 4], f"{self.order}u4")[0])


@dataclass(frozen=True)
class _Matrix:
    """An array of a file. kind: MATLAB's number of its class. rest: what follows its name: numbers, or fields."""

    kind: int
    is_complex: bool
    shape: tuple[int, ...]
    name: str
    rest: _Cursor


def _byte_order(content: bytes) -> Order:
    if len(content) < _HEADER:
        raise ValueError("it is not a MATLAB file")
    orders: dict[bytes, Order] = {b"IM": "<", b"MI": ">"}
    order = orders.get(content[126:128])
    if order is None:
        raise ValueError("it is not a MATLAB file")
    if int(np.frombuffer(content[124:126], f"{order}u2")[0]) != _VERSION:
        raise ValueError("it is not of MATLAB's format 5; save it with -v7")
    return order


def _variables(content: bytes, order: Order) -> Iterator[memoryview]:
    """The bytes of each variable; all that are compressed have LARGEST bytes together at most."""
    cursor, left = _Cursor(memoryview(content), order), LARGEST
    while cursor:
        kind, data = cursor.element()
        if kind == _COMPRESSED:
            unpacked = _decompressed(data, left)
            left -= len(unpacked)
            kind, data = _Cursor(memoryview(unpacked), order).element()
        if kind == _MATRIX:
            yield data


def _decompressed(data: memoryview, most: int) -> bytes:
    stream = zlib.decompressobj()
    try:
        unpacked = stream.decompress(data, max(most, 1))
    except zlib.error as error:
        raise ValueError(f"what is compressed in it is damaged: {error}") from error
    if stream.unconsumed_tail or len(unpacked) >= most:
        raise ValueError(f"it has more than {LARGEST >> 20} MiB when decompressed")
    return unpacked


def _matrix(data: memoryview, order: Order) -> _Matrix:
    """An array from its bytes; those of an empty one may be missing."""
    rest = _Cursor(data, order)
    if not rest:
        return _Matrix(_FIRST_NUMERIC, False, (0, 0), "", rest)
    flags = rest.integers(_UINT32)
    if not flags:
        raise ValueError("it has an array without flags")
    shape = tuple(rest.integers(_INT32))
    name = bytes(rest.expect(_INT8, _UTF8)).decode("latin1")
    if any(side < 0 for side in shape):
        raise ValueError("it has an array with a negative size")
    return _Matrix(flags[0] & 0xFF, bool(flags[0] & _COMPLEX), shape, name, rest)


def _field(matrix: _Matrix, name: str) -> _Matrix:
    """A field of a struct of one element."""
    if matrix.kind != _STRUCT or math.prod(matrix.shape) != 1:
        raise ValueError(f"it has no struct of one element with the field {name}")
    lengths = matrix.rest.integers(_INT32)
    if len(lengths) != 1 or not 0 < lengths[0] <= _LONGEST_NAME:
        raise ValueError("it has a struct with an invalid length of names")
    length = lengths[0]
    names = bytes(matrix.rest.expect(_INT8))
    for start in range(0, len(names), length):
        data = matrix.rest.expect(_MATRIX)
        if names[start : start + length].partition(b"\0")[0] == name.encode():
            return _matrix(data, matrix.rest.order)
    raise ValueError(f"it has a struct without the field {name}")


def _numbers(matrix: _Matrix) -> npt.NDArray[Any]:
    """The numbers of an array, in the type in which they are stored: MATLAB takes the smallest that holds them."""
    if not _FIRST_NUMERIC <= matrix.kind <= _LAST_NUMERIC or matrix.is_complex:
        raise ValueError("it has something else than real numbers in the place of its map")
    if not matrix.rest:
        return np.empty(matrix.shape if 0 in matrix.shape else (0, 0))
    kind, data = matrix.rest.element()
    code = _NUMBERS.get(kind)
    if code is None:
        raise ValueError(f"it has numbers of the unknown type {kind}")
    dtype = np.dtype(f"{matrix.rest.order}{code}")
    if math.prod(matrix.shape) * dtype.itemsize != len(data):
        raise ValueError(f"it has an array of shape {matrix.shape} with {len(data)} bytes")
    flat = np.frombuffer(data, dtype) if data else np.empty(0, dtype)
    return flat.reshape(matrix.shape, order="F")
