"""Options that several commands share: declared once, as fields of a dataclass, and given to a command as one object.

    def resume(*, resources: Annotated[ResourceOptions, Shown(panel="Resources")]) -> int: ...

Each field is declared as Typer has it for a parameter, `name: Annotated[type, typer.Option(...)] = default`.
"""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from copy import copy
from dataclasses import dataclass, field
from typing import Annotated, Any, TypeVar, get_args, get_origin, get_type_hints

R = TypeVar("R")


@dataclass(frozen=True)
class Shown:
    """How a command shows a group. panel: the heading of its options in the help, else each option's own.

    only: the fields that are options of this command, else all of them. without: those that are none. defaults: by
    field, where this command has another default.
    """

    panel: str = ""
    only: Sequence[str] = ()
    without: Sequence[str] = ()
    defaults: Mapping[str, object] = field(default_factory=dict)

    def has(self, name: str) -> bool:
        """Whether a field is an option of the command."""
        return (not self.only or name in self.only) and name not in self.without


def expanded(function: Callable[..., R]) -> Callable[..., R]:
    """The command's function with an option for each field of its groups, as Typer wants it."""
    groups: dict[str, tuple[type, list[str]]] = {}
    parameters: list[inspect.Parameter] = []
    for parameter in inspect.signature(function, eval_str=True).parameters.values():
        declared = get_args(parameter.annotation) if get_origin(parameter.annotation) is Annotated else ()
        if len(declared) == 2 and isinstance(declared[1], Shown):
            options = list(_options(*declared))
            groups[parameter.name] = (declared[0], [option.name for option in options])
            parameters += options
        else:
            parameters.append(parameter)
    if not groups:
        return function

    def command(**given: Any) -> R:
        for name, (kind, fields) in groups.items():
            given[name] = kind(**{field: given.pop(field) for field in fields})
        return function(**given)

    command.__doc__ = function.__doc__
    command.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    return command


def _options(kind: type, shown: Shown) -> Iterator[inspect.Parameter]:
    """The options of a group as keyword parameters."""
    hints = get_type_hints(kind, include_extras=True)
    for item in dataclasses.fields(kind):
        if not shown.has(item.name):
            continue
        declared, info = get_args(hints[item.name])
        if shown.panel:
            info = copy(info)
            info.rich_help_panel = shown.panel
        yield inspect.Parameter(
            item.name,
            inspect.Parameter.KEYWORD_ONLY,
            default=shown.defaults.get(item.name, item.default),
            annotation=Annotated[declared, info],
        )
