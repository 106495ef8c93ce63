"""Users' recipes, `./mine.toml`: recipe fields, and `base`, a built-in recipe for all others.

A part with options is a table: `loss = { name = "./mine.py:MyLoss", gamma = 2 }`. Paths of users' files are relative to
the recipe's folder.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from attnctl import lines, recipe_parts
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
    values: dict[str, Scalar] = {}
    options: dict[str, Scalar] = {}
    for key, value in lines.parsed(text, name).items():
        try:
            for each, item in _flat(key, value).items():
                _check(each, item)
                known = options if recipe_parts.is_option(each) else values
                known[each] = _located(item, Path(name).expanduser().parent) if each in recipe_parts.KINDS else item
        except SpecError as error:
            raise SpecError(f"{name}:{lines.line_of(text, (key,))}: {error}") from error
    if options:
        own = recipe_parts.read(str(values.get("part_options", recipe_parts.NONE)))
        values["part_options"] = recipe_parts.written({**own, **options})
    return values


def _flat(key: str, value: Any) -> dict[str, Any]:
    """A part's table as its name and its options; any other value itself. Raises SpecError."""
    if key not in recipe_parts.KINDS or not isinstance(value, dict):
        return {key: value}
    if "name" not in value:
        raise SpecError(f'{key} has no name; write {key} = {{ name = "NAME", OPTION = VALUE }}')
    return {key: value["name"]} | {f"{key}.{option}": item for option, item in value.items() if option != "name"}


def _located(text: str, folder: Path) -> str:
    """The name of a part, with a user's file as it is found from where the command runs."""
    return "+".join(
        str(folder / Path(part).expanduser()) if recipe_parts.is_file(part) else part for part in text.split("+")
    )


def _check(key: str, value: Any) -> None:
    if not isinstance(value, bool | int | float | str):
        raise SpecError(f"{key} must be a text, a number, true or false")
    if key == BASE or recipe_parts.is_option(key):
        return
    if key not in recipe_fields():
        raise SpecError(f"unknown recipe field {key!r}{did_you_mean(key, (BASE, *recipe_fields()))}")
    recipe_value(key, value)
