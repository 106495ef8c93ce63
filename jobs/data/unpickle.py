"""Reads the pickles in which data sets are published, without executing code that they may contain.

A pickle calls what it names with arguments of its choice. The few names that published files use lead to stand-ins
here, which do nothing but note their arguments; the arrays are made from these notes afterwards, from bytes whose
number must fit. numpy's own classes are never called: its ndarray takes a length, strides and a type that crash it.
"""

from __future__ import annotations

import io
import math
import pickle
import pickletools
import re
from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from attnctl.jobs.data.errors import DataError

_MOST_OPCODES = 4_000_000
"""CIFAR-100's training part has about 400,000."""

_NAMES: Mapping[tuple[str, str], str] = {
    ("_codecs", "encode"): "encode",
    ("__builtin__", "bytes"): "bytes",
    ("numpy", "dtype"): "dtype",
    ("numpy", "ndarray"): "ndarray",
    **{(f"numpy.{core}.multiarray", "_reconstruct"): "array" for core in ("core", "_core")},
    **{(f"numpy.{core}.multiarray", "scalar"): "scalar" for core in ("core", "_core")},
    **{(f"numpy.{core}.numeric", "_frombuffer"): "buffer" for core in ("core", "_core")},
}
"""The names in published files and in those that numpy 1 and 2 write, protocols 2 to 5."""

_PUTS = frozenset({"PUT", "BINPUT", "LONG_BINPUT"})
_OPCODES = frozenset(
    {
        *("PROTO", "FRAME", "STOP", "MARK", "POP", "POP_MARK", "MEMOIZE", "GET", "BINGET", "LONG_BINGET", *_PUTS),
        *("NONE", "NEWTRUE", "NEWFALSE", "INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1", "LONG4"),
        *("FLOAT", "BINFLOAT", "STRING", "BINSTRING", "SHORT_BINSTRING", "BINBYTES", "SHORT_BINBYTES", "BINBYTES8"),
        *("BYTEARRAY8", "UNICODE", "BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8", "EMPTY_LIST", "LIST", "APPEND"),
        *("APPENDS", "EMPTY_TUPLE", "TUPLE", "TUPLE1", "TUPLE2", "TUPLE3", "EMPTY_DICT", "DICT", "SETITEM", "SETITEMS"),
        *("GLOBAL", "STACK_GLOBAL", "REDUCE", "BUILD"),
    }
)
_DTYPE = re.compile(r"b1|[iu][1248]|f[248]|[SU][1-9][0-9]{0,3}")
_MOST_AXES = 4
_DEEPEST = 4
"""Levels of lists and dictionaries; a batch has two."""


def load_restricted(data: bytes, source: str) -> Mapping[Any, Any]:
    """Load a dictionary of arrays, lists and plain values; raises DataError naming `source` for anything else."""
    try:
        _check_opcodes(data)
        content = _Reader(len(data)).plain(_Unpickler(io.BytesIO(data), encoding="latin1").load())
    except Exception as error:  # for a damaged pickle, load raises many different types
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        raise DataError(f"{source} is damaged or not a data batch: {reason}") from error
    if not isinstance(content, Mapping):
        raise DataError(f"{source} contains a {type(content).__name__} instead of a data batch")
    return content


# ------------------------------------------------------------------------------------------------------- before loading


def _check_opcodes(data: bytes) -> None:
    """Raise ValueError for a pickle that would make the unpickler allocate far more memory than the file has."""
    for count, (opcode, argument, _) in enumerate(pickletools.genops(data)):
        if opcode.name not in _OPCODES:
            raise ValueError(f"it contains the opcode {opcode.name}, which no data batch needs")
        if count > _MOST_OPCODES:
            raise ValueError(f"it has more than {_MOST_OPCODES} opcodes")
        if opcode.name in _PUTS and not (isinstance(argument, int) and 0 <= argument <= count):
            raise ValueError(f"it has an invalid memo index, {argument}")


class _Name:
    """What a name in the pickle leads to. A call of it notes the arguments."""

    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        self.name = name

    def __call__(self, *arguments: object) -> _Note:
        return _Note(self.name, arguments)


class _Note:
    """A call that the pickle makes, and the state that it sets afterwards."""

    __slots__ = ("arguments", "name", "state")

    def __init__(self, name: str, arguments: tuple[object, ...]) -> None:
        self.name, self.arguments = name, arguments
        self.state: object = None

    def __setstate__(self, state: object) -> None:
        self.state = state


class _Unpickler(pickle.Unpickler):
    """Gives stand-ins for the names of published files, and refuses all others."""

    def find_class(self, module_name: str, global_name: str) -> Any:
        name = _NAMES.get((module_name, global_name))
        if name is None:
            raise pickle.UnpicklingError(f"it refers to {module_name}.{global_name}, which no data batch needs")
        return _Name(name)


# -------------------------------------------------------------------------------------------------------- after loading


class _Reader:
    """Makes arrays and plain values of what was loaded. budget: how many values there may be at most."""

    def __init__(self, budget: int) -> None:
        self._budget = budget
        self._made: dict[int, Any] = {}

    def plain(self, value: object, depth: int = _DEEPEST) -> Any:
        """The value without notes. Raises ValueError."""
        self._budget -= 1
        if depth < 0 or self._budget < 0:
            raise ValueError("it is nested too deep, or the same values occur too often in it")
        if type(value) is int:
            if not -(1 << 63) <= value < 1 << 63:
                raise ValueError("it contains a number of more than 64 bits")
            return value
        if value is None or type(value) in {bool, float, str, bytes}:
            return value
        if isinstance(value, list | tuple):
            return type(value)(self.plain(item, depth - 1) for item in value)
        if isinstance(value, dict):
            return {self._key(key): self.plain(item, depth - 1) for key, item in value.items()}
        if isinstance(value, _Note):
            if id(value) not in self._made:
                self._made[id(value)] = self._called(value)
            return self._made[id(value)]
        raise ValueError(f"it contains a {type(value).__name__.strip('_').lower()}")

    def _key(self, key: object) -> object:
        key = self.plain(key, 1)
        if not isinstance(key, str | bytes | int):
            raise ValueError("it contains a key that is not a text")
        return key

    def _called(self, note: _Note) -> Any:
        match note.name, note.arguments:
            case "encode" | "bytes", _:
                return _bytes(note)
            case "scalar", (_Note(name="dtype") as dtype, raw):
                return _array(_bytes(raw), _dtype(dtype), (), "C").item()
            case "array", (_Name(name="ndarray"), (0,), _) if isinstance(note.state, tuple):
                _, shape, dtype, is_fortran, raw = note.state
                return _array(_bytes(raw), _dtype(dtype), shape, "F" if is_fortran else "C")
            case "buffer", (raw, dtype, shape, "C" | "F" as order):
                return _array(_bytes(raw), _dtype(dtype), shape, order)
        raise ValueError(f"it contains a call of {note.name} with other arguments than a data batch has")


def _bytes(raw: object) -> bytes | bytearray:
    """Bytes. A text is what Python 2 wrote; a note is how Python 3 writes bytes in protocol 2."""
    match raw:
        case _Note(name="encode", arguments=(str(text), "latin1")):
            return text.encode("latin1")
        case _Note(name="bytes", arguments=()):
            return b""
        case str(text):
            return text.encode("latin1")
        case bytes() | bytearray():
            return raw
    raise ValueError("it contains a call where bytes are expected")


def _dtype(note: object) -> np.dtype[Any]:
    """A type of numbers or texts of fixed length; objects, structures and subarrays are refused."""
    match note:
        case _Note(
            name="dtype", arguments=(str(code), *_), state=(_, "<" | ">" | "|" | "=" as order, None, None, None, *_)
        ):
            if _DTYPE.fullmatch(code):
                return np.dtype(code).newbyteorder(order)
    raise ValueError("it contains an array of another type than numbers or texts")


def _array(raw: bytes | bytearray, dtype: np.dtype[Any], shape: object, order: Literal["C", "F"]) -> npt.NDArray[Any]:
    """An array over these bytes, whose number must be exactly that of the shape."""
    if not isinstance(shape, tuple) or len(shape) > _MOST_AXES or not all(type(n) is int and n >= 0 for n in shape):
        raise ValueError("it contains an array with an invalid shape")
    if math.prod(shape) * dtype.itemsize != len(raw):
        raise ValueError(f"it contains an array of shape {shape} with {len(raw)} bytes")
    flat = np.frombuffer(raw, dtype) if raw else np.empty(0, dtype)
    return flat.reshape(shape, order=order).astype(dtype.newbyteorder("="), copy=False)
