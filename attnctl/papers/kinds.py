"""The kinds of values in a paper's file: each function converts a TOML value to the model's value.

They raise ValueError with the text that follows the key in the message: `must be text in quotes`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from typing import Any

from attnctl.papers import starts
from attnctl.spec import recipe_fields, recipe_value
from attnctl.values import Scalar, SpecError, did_you_mean

Kind = Callable[[Any], Any]


def line(value: Any) -> str:
    """One non-empty line of text."""
    if not isinstance(value, str):
        raise ValueError("must be text in quotes")
    if not value.strip() or not value.isprintable():
        raise ValueError("must be one line of text")
    return value


def text(value: Any) -> str:
    """Text of any length; line breaks become blanks."""
    if not isinstance(value, str):
        raise ValueError("must be text in quotes")
    return " ".join(value.split())


def published(value: Any) -> str:
    """A number or text as printed in a cell, in quotes."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        raise ValueError(f'must be in quotes, with its digits as printed: "{value}"')
    return line(value)


def name(value: Any) -> str:
    """A name usable in commands and file names."""
    if not isinstance(value, str) or not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]*", value):
        raise ValueError("must be a word of letters, digits, '-', '_' and '.'")
    return value


def label(value: Any) -> str:
    """The number or name of a table or figure."""
    if not isinstance(value, str) or not re.fullmatch(r"[A-Za-z0-9_-]+", value):
        raise ValueError("must be named by letters, digits, '-' and '_'")
    return value


def flag(value: Any) -> bool:
    """True or false."""
    if not isinstance(value, bool):
        raise ValueError("must be true or false")
    return value


def decimals(value: Any) -> int:
    """Digits after the point."""
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= 9:
        raise ValueError("must be a whole number from 0 to 9")
    return value


def one_of(choices: Collection[str]) -> Kind:
    """One of the given words."""

    def kind(value: Any) -> str:
        if value not in choices:
            raise ValueError(f"is {value!r}{did_you_mean(str(value), choices)}")
        return str(value)

    return kind


def init(value: Any) -> str:
    """Initial weights: a row, a run, a file, published weights, or random ones."""
    text = line(value)
    path = text.startswith(("./", "../", "/", "~"))
    if path or text == starts.RANDOM or starts.is_published(text) or starts.is_run(text) or starts.RowName.of(text):
        return text
    raise ValueError(
        f"is {text!r}; it must be a row such as ean:3/SE-R50, a run such as run:0123456789abcdef, a file such as "
        "./weights.pth, published weights such as torchvision:default, or random"
    )


def section(value: Any) -> Mapping[str, Any]:
    """A TOML table with any content."""
    if not isinstance(value, dict):
        raise ValueError("must be a section, or a table in braces")
    return value


def sections(value: Any) -> list[Any]:
    """A list of TOML tables, each with its own header."""
    if not isinstance(value, list):
        raise ValueError("must be sections in double brackets, such as [[tables.1.rows]]")
    return value


def number(value: Any) -> float | int:
    """A number."""
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise ValueError("must be a number")
    return value


def count(value: Any) -> int:
    """A whole number, 0 or more."""
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise ValueError("must be a whole number")
    return value


def list_of(kind: Kind) -> Kind:
    """A non-empty list of values of one kind."""

    def convert(value: Any) -> tuple[Any, ...]:
        if not isinstance(value, list) or not value:
            raise ValueError("must be a list in brackets")
        return tuple(kind(item) for item in value)

    return convert


def texts(value: Any) -> Mapping[str, str]:
    """Name -> text."""
    return {key: text(item) for key, item in section(value).items()}


def scalar(value: Any) -> Scalar:
    """A value of a hyperparameter."""
    if not isinstance(value, bool | int | float | str):
        raise ValueError("must be a text, a number, true or false")
    return value


def scalars(value: Any) -> Mapping[str, Scalar]:
    """Name -> value."""
    values = {}
    for key, item in section(value).items():
        try:
            values[key] = scalar(item)
        except ValueError as error:
            raise InsideError(key, str(error)) from error
    return values


def train(value: Any) -> Mapping[str, tuple[Scalar, ...]]:
    """Recipe field -> its values; a single value need not be a list."""
    fields = {}
    for key, item in section(value).items():
        if key not in recipe_fields():
            raise InsideError(key, f"is not a recipe field{did_you_mean(key, recipe_fields())}")
        if item == []:
            raise InsideError(key, "must have a value")
        try:
            values = [scalar(element) for element in (item if isinstance(item, list) else [item])]
            fields[key] = tuple(recipe_value(key, element) for element in values)
        except SpecError as error:
            raise InsideError(key, str(error).removeprefix(f"{key} ")) from error
        except ValueError as error:
            raise InsideError(key, str(error)) from error
    return fields


def written(value: Any) -> Mapping[str, Any]:
    """How a module was implemented: keys of `attnctl.networks.complexity.Written`."""
    kinds_by_key: Mapping[str, Kind] = {"pools": flag, "strips": flag, "head": flag, "fc": one_of(("linear", "conv"))}
    for key, item in section(value).items():
        if key not in kinds_by_key:
            raise InsideError(key, f"is unknown{did_you_mean(key, kinds_by_key)}")
        try:
            kinds_by_key[key](item)
        except ValueError as error:
            raise InsideError(key, str(error)) from error
    return section(value)


def maps(value: Any) -> tuple[tuple[int, int], ...]:
    """Maps, each as [channels, side]."""
    if not isinstance(value, list) or not value or not all(_is_map(item) for item in value):
        raise ValueError("must be a list of [channels, side], such as [[256, 56], [512, 28]]")
    return tuple((channels, side) for channels, side in value)


def _is_map(item: Any) -> bool:
    return isinstance(item, list) and len(item) == 2 and all(type(number) is int and number > 0 for number in item)


class InsideError(ValueError):
    """An error in one key of an inline table."""

    def __init__(self, key: str, message: str) -> None:
        super().__init__(message)
        self.key = key
