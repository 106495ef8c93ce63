"""The only reader of JSON files that another process wrote, or that a crash may have damaged.

Every defect raises ValueError with a message. A test forbids direct calls of `json.loads` elsewhere.
"""

from __future__ import annotations

import contextlib
import json
import sys
from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from functools import cache
from pathlib import Path
from types import UnionType
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from attnctl.files import read_regular

T = TypeVar("T")

DEEPEST = 64
"""Largest nesting depth of a document. Ours have six levels; recursive code fails at a few hundred."""

Test = Callable[[Any], bool]

_NESTING = frozenset({dict, list})
LARGEST = float(1 << 53)
"""Largest float with exact integers; times, sizes and step counts are far below."""


class RecordError(ValueError):
    """A workspace file is unreadable or has invalid content; the message names the file."""


def content(path: Path | str) -> bytes | None:
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
    if not (_opens_few(data) or _is_shallow(document)):
        raise ValueError("it is nested too deep")
    return document


def read_object(path: Path) -> dict[str, Any] | None:
    """The object in a JSON file; None when the file does not exist. Raises RecordError, which names the file."""
    data = content(path)
    try:
        return loads_object(data) if data is not None else None
    except ValueError as error:
        raise RecordError(f"{path} cannot be read as JSON: {error}") from error


def _opens_few(data: bytes | str) -> bool:
    """Whether a text has so few opening brackets that its value cannot be nested too deep, as most have."""
    if isinstance(data, str):
        return data.count("{") + data.count("[") <= DEEPEST
    return data.count(b"{") + data.count(b"[") <= DEEPEST  # in UTF-16 too each bracket has one such byte


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
    for key, (hint, test) in _fields(kind, largest).items():  # few calls: a workspace has thousands of records
        if key in value:
            item = value[key]
            if test is None:
                item = _decoded(hint, item, key, largest)
            elif not test(item):
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
def _fields(kind: type, largest: float) -> dict[str, tuple[Any, Test | None]]:
    """The type of each field, and its test if JSON already has values of this type."""
    hints = get_type_hints(kind)
    return {
        item.name: (hint, _test(hint, largest) if _is_plain(hint) else None)
        for item in fields(kind)
        for hint in (hints[item.name],)
    }


def fits(value: Any, hint: Any, largest: float = LARGEST) -> bool:
    """Whether a JSON value has the type; integers fit 64 bits, floats are finite and at most `largest`."""
    return _test(hint, largest)(value)


@cache
def _test(hint: Any, largest: float) -> Test:
    """The test of `fits` for one type, made once."""
    origin, members = get_origin(hint), get_args(hint)
    if hint is Any:
        return lambda _: True
    if origin is Literal:
        return lambda value: isinstance(value, str) and value in members
    if origin in {Union, UnionType}:
        tests = [_test(member, largest) for member in members]
        return lambda value: any(test(value) for test in tests)
    if origin is list:
        of_item = _test(members[0], largest)
        return lambda value: isinstance(value, list) and all(map(of_item, value))
    if _is_mapping(hint):
        of_value = _test(members[1], largest)
        return lambda value: isinstance(value, dict) and all(map(of_value, value.values()))
    if hint is float:
        limit = min(largest, sys.float_info.max)
        return lambda value: type(value) in {int, float} and abs(value) <= limit  # false for NaN
    if hint is int or hint is str:
        return _is_integer if hint is int else _is_text
    return lambda value: isinstance(value, hint)


def _is_integer(value: Any) -> bool:
    return type(value) is int and -(1 << 63) <= value < 1 << 63


def _is_text(value: Any) -> bool:
    """Whether it is a text that can be stored: JSON allows a lone surrogate, but UTF-8 files and SQLite do not."""
    return isinstance(value, str) and (value.isascii() or not any("\ud800" <= char <= "\udfff" for char in value))
