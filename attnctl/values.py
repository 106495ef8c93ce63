"""Converting values from the command line and from files to their declared types, with helpful errors."""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import Any, Literal, get_args, get_origin

Scalar = bool | int | float | str | None

_MOST_BITS = 63
"""Bits of a whole number without its sign; databases store no larger one."""
"""The values that a hyperparameter or a recipe field can take."""


class SpecError(ValueError):
    """A request is invalid; the message says what is wrong, where, and what would be right."""


def convert(value: Scalar, declared: Any, name: str) -> Scalar:
    """`value`, possibly typed as text, converted to the declared type. Raises SpecError.

    declared: bool, int, float, str, None, a Literal, or a union of these (the first member that fits wins).
    """
    if isinstance(value, int) and value.bit_length() > _MOST_BITS:
        raise SpecError(f"{name} is {format_value(value)}; it must have at most {_MOST_BITS}")
    for member in _members(declared):
        try:
            return _convert_one(value, member)
        except (ValueError, OverflowError):
            continue
    raise SpecError(f"{name} is {format_value(value) or 'empty'!s}; it must be {describe(declared)}")


def rejoined(values: Sequence[str], declared: Any) -> tuple[str, ...]:
    """The parts of a comma list, with choices that contain a comma joined again (the longest match wins)."""
    literals = [choice for member in _members(declared) if get_origin(member) is Literal for choice in get_args(member)]
    whole = sorted((str(choice).split(",") for choice in literals if "," in str(choice)), key=len, reverse=True)
    joined, rest = [], list(values)
    while rest:
        parts = next((parts for parts in whole if rest[: len(parts)] == parts), rest[:1])
        joined.append(",".join(parts))
        rest = rest[len(parts) :]
    return tuple(joined)


def describe(declared: Any) -> str:
    """A declared type as text, such as `a whole number` or `one of sgd, adamw`."""
    names = {bool: "true or false", int: "a whole number", float: "a number", str: "text", type(None): "none"}
    literals = [choice for member in _members(declared) if get_origin(member) is Literal for choice in get_args(member)]
    others = [names[member] for member in _members(declared) if get_origin(member) is not Literal]
    choices = [str(choice) or "empty" for choice in literals]
    parts = [("one of " if len(choices) > 1 else "") + comma_join(choices)] if choices else []
    parts += others
    return " or ".join(parts)


def _members(declared: Any) -> tuple[Any, ...]:
    if get_origin(declared) is Literal:
        return (declared,)
    return get_args(declared) or (declared,)


def _convert_one(value: Scalar, member: Any) -> Scalar:
    typed = value.strip() if isinstance(value, str) else value
    if get_origin(member) is Literal:
        for choice in get_args(member):
            if (typed == choice and isinstance(typed, type(choice))) or (
                isinstance(typed, str) and typed == str(choice)
            ):
                return choice  # type: ignore[no-any-return]
        raise ValueError
    if member is type(None):
        if typed is None or (isinstance(typed, str) and typed.lower() == "none"):
            return None
        raise ValueError
    if member is bool:
        spellings = {
            "true": True,
            "yes": True,
            "on": True,
            "1": True,
            "false": False,
            "no": False,
            "off": False,
            "0": False,
        }
        if isinstance(typed, bool):
            return typed
        if isinstance(typed, str) and typed.lower() in spellings:
            return spellings[typed.lower()]
        raise ValueError
    if isinstance(typed, bool) or typed is None:
        raise ValueError
    if member is int:
        if isinstance(typed, int) or (isinstance(typed, str) and re.fullmatch(r"[+-]?[0-9]{1,18}", typed)):
            return int(typed)
        if isinstance(typed, float) and typed.is_integer():
            return int(typed)
        raise ValueError
    if member is float:
        number = float(typed)
        if not math.isfinite(number):
            raise ValueError
        return number + 0.0  # -0.0 becomes 0.0: one value, one id
    if member is str and isinstance(typed, str):
        return typed
    raise ValueError


def format_value(value: Scalar) -> str:
    """A value as a user would type it: `none`, `true`, `0.1`."""
    if value is None or isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int) and value.bit_length() > _MOST_BITS:  # Python does not print one of 4301 digits
        return f"a number of {value.bit_length()} bits"
    return f"{value:g}" if isinstance(value, float) and float(f"{value:g}") == value else str(value)


def divisors(number: int) -> list[int]:
    """The divisors of a positive number, ascending."""
    small = [n for n in range(1, math.isqrt(number) + 1) if number % n == 0]
    return sorted({*small, *(number // n for n in small)})


def did_you_mean(name: str, names: Collection[str]) -> str:
    """`; did you mean 'ela'?` if a name is similar, else the list of all names."""
    near = nearest(name, names)
    return f"; did you mean {near!r}?" if near is not None else f"; known: {comma_join(names)}"


_PREFIX = 3
"""So many letters are the beginning of a name."""


def nearest(name: str, names: Collection[str]) -> str | None:
    """The shortest name that begins so, else the one that is most similar; None if none is similar."""
    longer = [other for other in names if len(name) >= _PREFIX and other.casefold().startswith(name.casefold())]
    if longer:
        return min(longer, key=len)
    from difflib import get_close_matches  # imported only for errors: it takes 2 ms

    near = get_close_matches(name, list(names), n=1, cutoff=0.6)
    return near[0] if near else None


def comma_join(items: Iterable[object]) -> str:
    """Items joined for a sentence: `a, b, c`."""
    return ", ".join(map(str, items))


def first_of(items: Sequence[object], most: int) -> str:
    """The first items joined for a sentence, and how many more there are: `a, b, c and 4 more`."""
    more = f" and {len(items) - most} more" if len(items) > most else ""
    return comma_join(items[:most]) + more


def split_list(text: str, name: str) -> tuple[str, ...]:
    """The parts of a comma list; raises SpecError for an empty one."""
    parts = tuple(part.strip() for part in text.split(","))
    if "" in parts:
        raise SpecError(f"{name} is {text!r}: a value is empty; write them as 5,7")
    return parts


def split_seeds(given: str, name: str = "--seed") -> tuple[str, ...]:
    """The seeds of a comma list, in which 0..4 is five of them.

    Raises SpecError for a range that is not one, and for a seed given twice.
    """
    seeds = tuple(seed for part in split_list(given, name) for seed in _seed_range(part, name))
    twice = next((seed for seed in seeds if seeds.count(seed) > 1), None)
    if twice is not None:
        raise SpecError(f"{name} has {twice} twice: {given}")
    return seeds


_MOST_SEEDS = 1000
"""Limit for one range: a typo such as 0..10000000 must not fill the memory."""


def _seed_range(part: str, name: str) -> tuple[str, ...]:
    first, dots, last = part.partition("..")
    low, dash, high = part.partition("-")
    if dash and low.isdecimal() and high.isdecimal():
        raise SpecError(f"{name} has {part!r}; write the range as {low}..{high}")
    if not dots:
        return (part,)
    if not (first.isascii() and first.isdecimal() and last.isascii() and last.isdecimal()):
        raise SpecError(f"{name} has the range {part!r}; write it as 0..4")
    start, stop = int(first), int(last)
    if not start <= stop < start + _MOST_SEEDS:
        raise SpecError(f"{name} has the range {part!r}; it must ascend, over at most {_MOST_SEEDS} seeds")
    return tuple(map(str, range(start, stop + 1)))


def choices(declared: Any) -> Iterator[str]:
    """The values that a declared type lists."""
    for member in (declared, *get_args(declared)):
        if get_origin(member) is Literal:
            yield from map(str, get_args(member))
        elif member is bool:
            yield from ("true", "false")
