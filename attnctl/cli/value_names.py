"""What the help calls the value of an option: `N`, `NAMES`, `true|false`; never a type of Python."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import Any, Literal, get_args, get_origin

NUMBER, NUMBERS = "N", "N,N,..."
REAL, REALS = "X", "X,X,..."
VALUES = "VALUES"
"""Of a list in which numbers and words may stand."""

_OF_TYPERS_WORD = {"int": NUMBER, "int range": NUMBER, "float": REAL, "float range": REAL}
_LONGEST = 24
"""Cells of a value's name; more choices than fit are listed in the help's text alone."""


def of_list(declared: Any) -> str:
    """The name of a comma list of values of this type, such as `N,N,...` for int and `true|false` for bool."""
    members = [declared] if get_origin(declared) is Literal else list(get_args(declared)) or [declared]
    if members == [bool]:
        return "true|false"
    if all(get_origin(member) is Literal for member in members):
        choices = "|".join(str(choice) for member in members for choice in get_args(member))
        return choices if len(choices) <= _LONGEST else "NAMES"
    if set(members) <= {int}:
        return NUMBERS
    return REALS if set(members) <= {int, float} else VALUES


def name_values(ctx: Any, parameters: Iterable[Any]) -> None:
    """Give each option that has choices or numbers a name for them, and take the type from flags and arguments.

    Typer's help shows Python's types (`<int range>`, `<list[str]>`) where an option has no `metavar`, and behind the
    name of every argument; on a terminal behind every flag too (`<bool>`). It has no setting for any of these.
    """
    for parameter in parameters:
        if parameter.param_type_name == "argument" or parameter.is_flag:
            parameter.display_type_rich = _nothing
        elif parameter.metavar is None:
            shown = parameter.display_type(ctx).removeprefix("<").removesuffix(">")
            parameter.metavar = _OF_TYPERS_WORD.get(shown, shown)
        if getattr(parameter, "min", None) is not None or getattr(parameter, "max", None) is not None:
            parameter._get_number_range_help_str = partial(_range, parameter.min, parameter.max)  # else 1<=x<=64


def _nothing(**_: Any) -> None:
    """The type that is shown of a flag or an argument."""


def _range(least: float | None, most: float | None) -> str:
    """Such as `1 to 64` or `at least 1`."""
    if least is None or most is None:
        return f"at most {most}" if least is None else f"at least {least}"
    return f"{least} to {most}"
