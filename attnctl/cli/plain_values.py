"""Values of options and arguments that need no conversion: to look at one, Typer loads Pydantic (0.08 s)."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

_PLAIN = {str, int, float, bool}


def take_directly(parameters: Iterable[Any]) -> None:
    """Let these parameters of a command take absent values, defaults and ASCII texts as they are.

    Typer converts, and checks, all others: numbers, choices, paths, and texts that may not be valid Unicode.
    """
    for parameter in parameters:
        if "process_value" not in vars(parameter):
            parameter.process_value = _processing(parameter, parameter.process_value)


def _processing(parameter: Any, convert: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    """How the parameter processes a value, with `convert` for those that are not taken directly."""
    kind = _kind(parameter)

    def process_value(context: Any, value: Any) -> Any:
        several = parameter.multiple or parameter.nargs == -1
        if parameter.required and parameter.value_is_missing(value):
            return convert(context, value)
        if value is None:
            taken: Any = () if several else None
        elif several and kind == list[str] and isinstance(value, tuple | list) and all(map(_is_ascii, value)):
            taken = list(value)
        elif kind in _PLAIN and type(value) is kind and (kind is not str or _is_ascii(value)):
            taken = value
        else:
            return convert(context, value)
        return taken if parameter.callback is None else parameter.callback(context, parameter, taken)

    return process_value


def _kind(parameter: Any) -> Any:
    """The type that the command declares; None with a parser, or in an older Typer, which converts without Pydantic."""
    descriptor = getattr(parameter, "type_descriptor", None)
    return None if descriptor is None or descriptor.parameter_info.parser is not None else descriptor.annotation


def _is_ascii(value: object) -> bool:
    return isinstance(value, str) and value.isascii()
