"""JSON that somebody else wrote, or that a crash left: whatever is wrong with it is a ValueError that says what."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

_LARGEST = float(1 << 53)
"""Up to here a float counts in ones; times, sizes and numbers of steps are all far below."""


class RecordError(ValueError):
    """A file of the workspace that does not hold what its name says, or cannot be read; the message names the file."""


def content(path: Path) -> bytes | None:
    """What a file holds, None when there is none; raises RecordError when it cannot be read."""
    try:
        return path.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise RecordError(f"{path}: {error.strerror}") from error


def loads(data: bytes | str) -> Any:
    """The value of a JSON text; raises ValueError, also for one that is nested too deep to be read."""
    try:
        return json.loads(data)
    except RecursionError as error:
        raise ValueError("it is nested too deep") from error


def values(kind: type, document: Any) -> dict[str, Any]:
    """What a JSON object says of a dataclass's fields, other keys left out; raises ValueError for another type."""
    if not isinstance(document, dict):
        raise ValueError("it is no JSON object")
    hints = _hints(kind)
    found = {name: value for name, value in document.items() if name in hints}
    for name, value in found.items():
        if not fits(value, hints[name]):
            raise ValueError(f"{name} is {value!r:.80}")
    return found


@cache
def _hints(kind: type) -> dict[str, Any]:
    return get_type_hints(kind)


def fits(value: Any, hint: Any) -> bool:
    """Whether a JSON value is of the type: a whole number has 64 bits, and a number is neither endless nor NaN."""
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
    """Half of a surrogate pair can stand in JSON, but in no file and no database."""
    return text.isascii() or not any("\ud800" <= char <= "\udfff" for char in text)
