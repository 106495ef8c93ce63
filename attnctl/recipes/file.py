"""Users' recipes, `./mine.toml`: recipe fields, and `base`, a built-in recipe for all others."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from attnctl import lines
from attnctl.spec import recipe_fields, recipe_value
from attnctl.values import Scalar, SpecError, did_you_mean

BASE = "base"


def is_file(name: str) -> bool:
    """Whether a recipe's name refers to a user's file."""
    return name.endswith(".toml") or "/" in name


def read(name: str) -> dict[str, Scalar]:
    """The values of a user's file, including `base` if given; raises SpecError with file and line."""
    try:
        data = Path(name).expanduser().read_bytes()
    except FileNotFoundError:
        raise SpecError(f"recipe {name!r}: there is no file {name}") from None
    except OSError as error:
        raise SpecError(f"cannot read recipe {name}: {error.strerror}") from error
    text = lines.decoded(data, name)
    values = lines.parsed(text, name)
    for key, value in values.items():
        try:
            _check(key, value)
        except SpecError as error:
            raise SpecError(f"{name}:{lines.line_of(text, (key,))}: {error}") from error
    return values


def _check(key: str, value: Any) -> None:
    if not isinstance(value, bool | int | float | str):
        raise SpecError(f"{key} must be a text, a number, true or false")
    if key == BASE:
        return
    if key not in recipe_fields():
        raise SpecError(f"unknown recipe field {key!r}{did_you_mean(key, (BASE, *recipe_fields()))}")
    recipe_value(key, value)
