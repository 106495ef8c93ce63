"""The only reader of JSON files that another process wrote, or that a crash may have damaged.

Every defect raises ValueError with a message. A test forbids direct calls of `json.loads` elsewhere.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

DEEPEST = 64
"""Largest nesting depth of a document. Ours have six levels; recursive code fails at a few hundred."""

_NESTING = frozenset({dict, list})
_LARGEST = float(1 << 53)
"""Largest float with exact integers; times, sizes and step counts are far below."""


class RecordError(ValueError):
    """A workspace file is unreadable or has invalid content; the message names the file."""


def content(path: Path) -> bytes | None:
    """The content of a file; None when it does not exist. Raises RecordError when it cannot be read."""
    try:
        return path.read_bytes()
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
        raise ValueError("it is no JSON object")
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


def values(kind: type, document: Mapping[str, Any]) -> dict[str, Any]:
    """The values of a dataclass's fields in a JSON object, without other keys; raises ValueError for a wrong type."""
    hints = _hints(kind)
    fields = {name: value for name, value in document.items() if name in hints}
    for name, value in fields.items():
        if not fits(value, hints[name]):
            raise ValueError(f"{name} is {value!r:.80}")
    return fields


@cache
def _hints(kind: type) -> dict[str, Any]:
    return get_type_hints(kind)


def fits(value: Any, hint: Any) -> bool:
    """Whether a JSON value has the type; integers must fit 64 bits, and floats must be finite."""
    origin = get_origin(hint)
    if hint is Any:
        return True
    if origin is Literal:
        return value in get_args(hint) and isinstance(value, str)
    if origin in {Union, UnionType}:
        return any(fits(value, member) for member in get_args(hint))
    if origin is list:
        return isinstance(value, list) and all(fits(item, get_args(hint)[0]) for item in value)
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return isinstance(value, dict) and all(fits(item, get_args(hint)[1]) for item in value.values())
    if hint is int:
        return type(value) is int and -(1 << 63) <= value < 1 << 63
    if hint is float:
        return type(value) in {int, float} and math.isfinite(value) and abs(value) <= _LARGEST
    if hint is str:
        return isinstance(value, str) and _encodable(value)
    return value is None if hint is NoneType else isinstance(value, hint)


def _encodable(text: str) -> bool:
    """Whether a text can be stored: JSON allows a lone surrogate, but UTF-8 files and SQLite do not."""
    return text.isascii() or not any("\ud800" <= char <= "\udfff" for char in text)
