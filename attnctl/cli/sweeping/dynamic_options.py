"""The options of `sweep` that are not written down here: the modules' hyperparameters and the recipe's fields.

They become parameters of a synthesized signature, from which Typer makes options. Every one takes a comma list.
"""

from __future__ import annotations

import inspect
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal, get_args, get_origin

import typer

from attnctl import attention
from attnctl.cli import completion
from attnctl.sources.signature import Hyperparameter, ModuleSource
from attnctl.spec import NO_MODULE, recipe_fields, recipe_types
from attnctl.values import describe, format_value, split_list

HYPERPARAMETERS = "Hyperparameters (comma lists)"
RECIPE = "Recipe (comma lists); the default is the recipe's own value"

_HP, _FIELD = "hp_", "recipe_"
"""What the names of synthesized parameters begin with, so that they meet no other parameter's."""

_BOUND_WORDS = {"at_least": "at least", "above": "above", "below": "below", "at_most": "at most"}


@dataclass(frozen=True)
class Dynamic:
    """What the synthesized options were given: name -> the text as typed."""

    hyperparameters: Mapping[str, str]
    recipe: Mapping[str, str]


def named_modules(words: Sequence[str], flags: Collection[str], *, lenient: bool = False) -> list[ModuleSource]:
    """The modules of `sweep MODULE,...`, described; none when there is no such word. Raises SpecError.

    words: after `sweep`. flags: the options that take no value; any other takes the word after it. lenient: pass over
    names that are none.
    """
    position = 0
    while position < len(words):
        word = words[position]
        if not word.startswith("-"):
            names = word.split(",") if lenient else split_list(word, "MODULE")
            known = attention.names() if lenient else names
            return [attention.describe(name) for name in names if name != NO_MODULE and name in known]
        position += 1 if word in flags or "=" in word else 2
    return []


def hyperparameter_options(sources: Sequence[ModuleSource], taken: Collection[str]) -> list[inspect.Parameter]:
    """One option for each hyperparameter; a name that is an option already is left to `-p module.name=`."""
    owners: dict[str, list[tuple[ModuleSource, Hyperparameter]]] = {}
    for source in sources:
        for item in source.hyperparameters:
            owners.setdefault(item.name, []).append((source, item))
    return [
        _parameter(
            _HP + name,
            option_name(name),
            HYPERPARAMETERS,
            _hyperparameter_words(having, alone=len(sources) == 1),
            [choice for _, item in having for choice in choices(item.declared)],
        )
        for name, having in owners.items()
        if option_name(name) not in taken
    ]


def recipe_options() -> list[inspect.Parameter]:
    """One option for each field of the recipe."""
    return [
        _parameter(_FIELD + name, option_name(name), RECIPE, _field_words(name), list(choices(recipe_types()[name])))
        for name in recipe_fields()
    ]


def collected(given: Mapping[str, Any]) -> tuple[dict[str, Any], Dynamic]:
    """The values that Typer passes, parted: those of the parameters written down, and the synthesized ones."""
    static = {name: value for name, value in given.items() if not name.startswith((_HP, _FIELD))}
    chosen = {name: ",".join(value) for name, value in given.items() if name.startswith((_HP, _FIELD)) and value}
    return static, Dynamic(
        {name.removeprefix(_HP): value for name, value in chosen.items() if name.startswith(_HP)},
        {name.removeprefix(_FIELD): value for name, value in chosen.items() if name.startswith(_FIELD)},
    )


def _parameter(name: str, option: str, panel: str, words: str, known: Sequence[str]) -> inspect.Parameter:
    made: Any = typer.Option(
        option,
        help=words,
        metavar="VALUES",
        rich_help_panel=panel,
        autocompletion=completion.one_of(dict.fromkeys(known)) if known else None,
    )
    annotation = Annotated[list[str] | None, made]  # given twice, the lists are joined
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=annotation)


def option_name(name: str) -> str:
    """`norm_batch` as `--norm-batch`."""
    return "--" + name.replace("_", "-")


def _hyperparameter_words(having: Sequence[tuple[ModuleSource, Hyperparameter]], *, alone: bool) -> str:
    """Such as `size of the convolution: a whole number; default 7`; of several modules, one after the other."""
    words = []
    for source, item in having:
        about = f"{item.help}: " if item.help else ""
        owner = "" if alone else f"{source.name}: "
        words.append(f"{owner}{about}{describe(item.declared)}; default {format_value(item.default)}")
    return ". ".join(words) + "."


def _field_words(name: str) -> str:
    field = recipe_fields()[name]
    bounds = [f"{words} {field.metadata[key]:g}" for key, words in _BOUND_WORDS.items() if key in field.metadata]
    return f"{field.metadata['help']}: {' and '.join([describe(recipe_types()[name]), *bounds][:3])}."


def choices(declared: Any) -> Iterator[str]:
    """The values that a declared type lists."""
    for member in (declared, *get_args(declared)):
        if get_origin(member) is Literal:
            yield from map(str, get_args(member))
        elif member is bool:
            yield from ("true", "false")
