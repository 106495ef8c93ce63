"""The only reader of JSON files that another process wrote, or that a crash may have damaged.

Every defect raises ValueError with a message. A test forbids direct calls of `json.loads` elsewhere.
"""

from __future__ import annotations

import contextlib
import json
import sys
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from functools import cache
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from attnctl.files import read_regular

T = TypeVar("T")

DEEPEST = 64
"""Largest nesting depth of a document. Ours have six levels; recursive code fails at a few hundred."""

_NESTING = frozenset({dict, list})
LARGEST = float(1 << 53)
"""Largest float with exact integers; times, sizes and step counts are far below."""


class RecordError(ValueError):
    """A workspace file is unreadable or has invalid content; the message names the file."""


def content(path: Path) -> bytes | None:
    """The content of a file; None when it does not exist. Raises RecordError when it cannot be read."""
    try:
        return read_regular(path)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise RecordError(f"{path}: {error.strerror}") from error


def loads(data: bytes | str) -> Any:
    """The value of a JSON text; raises ValueError when it cannot be parsed or is nested too deeply for the parser."""
    try:
        return json.loads(data)
    except RecursionError as error:
        raise ValueError("it is nested too deep") from error


def loads_object(data: bytes | str) -> dict[str, Any]:
    """The object of a JSON text; raises ValueError for any other value, or for more than DEEPEST levels."""
    document = loads(data)
    if not isinstance(document, dict):
        raise ValueError("it is not a JSON object")
    if not _is_shallow(document):
        raise ValueError("it is nested too deep")
    return document


def read_object(path: Path) -> dict[str, Any] | None:
    """The object in a JSON file; None when the file does not exist. Raises RecordError, which names the file."""
    data = content(path)
    try:
        return loads_object(data) if data is not None else None
    except ValueError as error:
        raise RecordError(f"{path} cannot be read as JSON: {error}") from error


def _is_shallow(document: dict[str, Any]) -> bool:
    """Whether it has at most DEEPEST levels; walking level by level takes half the time of recursion."""
    level: list[Any] = [document]
    for _ in range(DEEPEST):
        level = [
            inner
            for value in level
            for inner in (value.values() if isinstance(value, dict) else value)
            if type(inner) in _NESTING
        ]
        if not level:
            return True
    return False


def decode(kind: type[T], value: Any, *, largest: float = LARGEST) -> T:
    """A JSON value as a value of a type; raises ValueError that says which field is wrong.

    An object becomes a dataclass, without the keys that are not fields; a list becomes a tuple where the type is one,
    or a dict whose keys are not strings, from its pairs. largest: the largest absolute value of a float.
    """
    made: T = _decoded(kind, value, "it", largest)
    return made


def _decoded(hint: Any, value: Any, name: str, largest: float) -> Any:
    """The value as the type has it. name: the field, for error messages."""
    if not _is_plain(hint):
        return (_dataclass if is_dataclass(hint) else _container)(hint, value, name, largest)
    if not fits(value, hint, largest):
        raise ValueError(f"{name} is {value!r:.80}")
    return value


def _container(hint: Any, value: Any, name: str, largest: float) -> Any:
    """A union, list, tuple or dict that contains a dataclass or a tuple."""
    origin, members = get_origin(hint), get_args(hint)
    if origin in {Union, UnionType}:
        for member in members:
            with contextlib.suppress(ValueError):
                return _decoded(member, value, name, largest)
    elif _is_mapping(hint):
        if members[0] is not str:
            return dict(_decoded(list[tuple[members]], value, name, largest))  # type: ignore[valid-type]
        if isinstance(value, dict):
            return {key: _decoded(members[1], item, name, largest) for key, item in value.items()}
    elif origin is tuple and members[-1] is not Ellipsis:
        if isinstance(value, list) and len(value) == len(members):
            return tuple(_decoded(member, item, name, largest) for member, item in zip(members, value, strict=True))
    elif isinstance(value, list):
        return origin(_decoded(members[0], item, name, largest) for item in value)
    raise ValueError(f"{name} is {value!r:.80}")


def _dataclass(kind: Any, value: Any, name: str, largest: float) -> Any:
    if not isinstance(value, dict):
        raise ValueError(f"{name} is {value!r:.80}")
    found = {}
    for key, (hint, plain) in _fields(kind).items():  # few calls: a workspace has thousands of records
        if key in value:
            item = value[key]
            if not plain:
                item = _decoded(hint, item, key, largest)
            elif not fits(item, hint, largest):
                raise ValueError(f"{key} is {item!r:.80}")
            found[key] = item
    try:
        return kind(**found)
    except TypeError as error:  # a field is missing
        raise ValueError(str(error)) from error


@cache
def _is_plain(hint: Any) -> bool:
    """Whether JSON already has values of this type."""
    if is_dataclass(hint) or get_origin(hint) is tuple:
        return False
    members = [member for member in get_args(hint) if get_origin(hint) is not Literal]
    return all(map(_is_plain, members)) and not (_is_mapping(hint) and members[0] is not str)


def _is_mapping(hint: Any) -> bool:
    origin = get_origin(hint)
    return isinstance(origin, type) and issubclass(origin, Mapping)


@cache
def _fields(kind: type) -> dict[str, tuple[Any, bool]]:
    """The type of each field, and whether it is plain."""
    hints = get_type_hints(kind)
    return {field.name: (hints[field.name], _is_plain(hints[field.name])) for field in fields(kind)}


def fits(value: Any, hint: Any, largest: float = LARGEST) -> bool:
    """Whether a JSON value has the type; integers fit 64 bits, floats are finite and at most `largest`."""
    origin = get_origin(hint)
    if hint is Any:
        return True
    if origin is Literal:
        return value in get_args(hint) and isinstance(value, str)
    if origin in {Union, UnionType}:
        return any(fits(value, member, largest) for member in get_args(hint))
    if origin is list:
        return isinstance(value, list) and all(fits(item, get_args(hint)[0], largest) for item in value)
    if _is_mapping(hint):
        return isinstance(value, dict) and all(fits(item, get_args(hint)[1], largest) for item in value.values())
    if hint is int:
        return type(value) is int and -(1 << 63) <= value < 1 << 63
    if hint is float:
        return type(value) in {int, float} and abs(value) <= min(largest, sys.float_info.max)  # false for NaN
    if hint is str:
        return isinstance(value, str) and _encodable(value)
    return value is None if hint is NoneType else isinstance(value, hint)


def _encodable(text: str) -> bool:
    """Whether a text can be stored: JSON allows a lone surrogate, but UTF-8 files and SQLite do not."""
    return text.isascii() or not any("\ud800" <= char <= "\udfff" for char in text)
