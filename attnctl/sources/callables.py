"""The options of a recipe's part in a user's file, read from its source: a function's or constructor's parameters.

Beside what the training passes, each parameter has a plain default, or a tuple of numbers. `*args` and `**kwargs` are
left alone. Nothing here imports torch.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from attnctl.recipe_parts import NUMBERS, Option, joined
from attnctl.sources.signature import inherited_constructor, literals, parameter
from attnctl.values import SpecError, comma_join, did_you_mean


@dataclass(frozen=True)
class Declared:
    """A class or function. passed: the names of the recipe's fields that it takes; options: all other parameters."""

    name: str
    is_class: bool
    passed: tuple[str, ...]
    options: tuple[Option, ...]


@dataclass(frozen=True)
class Form:
    """What a class or function must look like. first: the parameters that the training passes by position.

    None: it cannot be one. fields: the recipe's fields that it may take by name.
    """

    of_class: tuple[str, ...] | None
    of_function: tuple[str, ...] | None
    fields: tuple[str, ...] = ()


def read_callable(data: bytes, path: Path, name: str, form: Form) -> Declared:
    """A class or function of a user's file; raises SpecError with the line.

    data: the file's content. path: its name in messages. name: empty for the only public one that fits.
    """
    tree = ast.parse(data, str(path))
    kinds = tuple(
        kind
        for kind, first in ((ast.ClassDef, form.of_class), (ast.FunctionDef, form.of_function))
        if first is not None
    )
    known = {node.name: node for node in tree.body if isinstance(node, kinds)}
    if not name:
        public = [key for key in known if not key.startswith("_")]
        if len(public) != 1:
            names = comma_join(public) or "nothing that fits"
            raise SpecError(f"{path} has {names}; name one, such as {path}:{(*public, 'Mine')[0]}")
        name = public[0]
    if name not in known:
        what = " or ".join("class" if kind is ast.ClassDef else "function" for kind in kinds)
        hint = did_you_mean(name, known) if known else "; it has none"
        raise SpecError(f"{path} has no {what} {name!r}{hint}")
    node = known[name]
    is_class = isinstance(node, ast.ClassDef)
    classes = {item.name: item for item in tree.body if isinstance(item, ast.ClassDef)}
    function = inherited_constructor(node, classes) if isinstance(node, ast.ClassDef) else node
    if function is None:
        return Declared(name, is_class, (), ())
    first = (form.of_class if is_class else form.of_function) or ()
    return _declared(name, function, first, form, path, is_class, literals(tree.body))


def _declared(
    name: str,
    function: ast.FunctionDef,
    first: tuple[str, ...],
    form: Form,
    path: Path,
    is_class: bool,
    constants: Mapping[str, Any],
) -> Declared:
    arguments = function.args
    positional = [*arguments.posonlyargs, *arguments.args]
    missing: list[ast.expr | None] = [None] * (len(positional) - len(arguments.defaults))
    pairs = list(zip(positional, [*missing, *arguments.defaults], strict=True))[is_class:]
    if len(pairs) < len(first) and arguments.vararg is None:
        raise SpecError(f"{path}:{function.lineno}: {name} must take {comma_join(first)} first")
    pairs = [*pairs[len(first) :], *zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True)]
    passed = tuple(argument.arg for argument, _ in pairs if argument.arg in form.fields)
    options = [
        _option(name, argument, default, path, constants) for argument, default in pairs if argument.arg not in passed
    ]
    return Declared(name, is_class, passed, tuple(options))


def _option(name: str, argument: ast.arg, default: ast.expr | None, path: Path, constants: Mapping[str, Any]) -> Option:
    numbers = _numbers(default)
    if numbers:
        return Option(argument.arg, NUMBERS, joined(numbers))
    declared, value = parameter(argument, default, constants, f"{path}:{argument.lineno}: {name}'s option")
    return Option(argument.arg, declared, value)


def _numbers(node: ast.expr | None) -> tuple[float, ...]:
    """The numbers of a tuple or list; empty for anything else."""
    if not isinstance(node, ast.Tuple | ast.List):
        return ()
    try:
        values = ast.literal_eval(node)
        plain = all(isinstance(value, int | float) and not isinstance(value, bool) for value in values)
        return tuple(map(float, values)) if plain else ()
    except (ValueError, OverflowError):  # not literal, or an integer beyond the largest float
        return ()
