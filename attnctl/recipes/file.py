"""A user's own recipe, `./mine.toml`: fields of the recipe, and `base`, a built-in recipe that has the others."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

from attnctl.spec import recipe_fields, recipe_value
from attnctl.values import Scalar, SpecError, did_you_mean

BASE = "base"


def is_file(name: str) -> bool:
    """Whether a recipe's name means a user's file."""
    return name.endswith(".toml") or "/" in name


def read(name: str) -> dict[str, Scalar]:
    """The values of a user's file, `base` among them when it has one; raises SpecError with file and line."""
    try:
        text = Path(name).expanduser().read_bytes().decode()
        values = tomllib.loads(text)
    except FileNotFoundError:
        raise SpecError(f"recipe {name!r}: there is no file {name}") from None
    except (OSError, ValueError) as error:
        raise SpecError(_unreadable(name, error)) from error
    for key, value in values.items():
        try:
            _check(key, value)
        except SpecError as error:
            raise SpecError(f"{name}:{_line(text, key)}: {error}") from error
    return values


def _check(key: str, value: Any) -> None:
    if not isinstance(value, bool | int | float | str):
        raise SpecError(f"{key} must be a text, a number, true or false")
    if key == BASE:
        return
    if key not in recipe_fields():
        raise SpecError(f"unknown recipe field {key!r}{did_you_mean(key, (BASE, *recipe_fields()))}")
    recipe_value(key, value)


def _unreadable(name: str, error: OSError | ValueError) -> str:
    if isinstance(error, OSError):
        return f"cannot read recipe {name}: {error.strerror}"
    found = re.search(r"\(at line (\d+), column \d+\)", str(error))
    return f"{name}:{found[1] if found else 1}: this is not TOML: {error}"


def _line(text: str, key: str) -> int:
    """The line on which a key, or a section of its name, stands; 1 when it is written in an unusual way."""
    pattern = re.compile(rf"\s*\[*\s*[\"']?{re.escape(key)}[\"']?\s*[=.\]]")
    return next((number for number, line in enumerate(text.splitlines(), start=1) if pattern.match(line)), 1)
