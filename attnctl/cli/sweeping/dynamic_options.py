"""The options of `sweep` that depend on the command line: the modules' hyperparameters and the recipe's fields.

They become parameters of a synthesized signature, from which Typer makes options. Each takes a comma list.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Annotated, Any

import typer

from attnctl import attention, groups, recipe_parts, recipes
from attnctl.cli import completion, context, output, value_names
from attnctl.components import AND, AT
from attnctl.datasets import own
from attnctl.grid import default_backbone
from attnctl.recipes import parts
from attnctl.sources.signature import Hyperparameter, ModuleSource
from attnctl.spec import NO_MODULE, recipe_fields, recipe_types
from attnctl.values import Scalar, SpecError, choices, describe, format_value, split_list

HYPERPARAMETERS = "Hyperparameters (comma lists)"
RECIPE = "Recipe (comma lists)"

_HP, _FIELD = "hp_", "recipe_"
"""Prefixes of the synthesized parameters' names, so that they do not clash with other parameters."""

_BOUND_WORDS = {"at_least": "at least", "above": "above", "below": "below", "at_most": "at most"}


@dataclass(frozen=True)
class Dynamic:
    """The values of the synthesized options: name -> the text as typed."""

    hyperparameters: Mapping[str, str]
    recipe: Mapping[str, str]


def named_modules(words: Sequence[str], flags: Collection[str], *, lenient: bool = False) -> list[ModuleSource]:
    """The descriptions of the modules in `sweep MODULE,...`; empty without a MODULE. Raises SpecError.

    words: after `sweep`. flags: the options that take no value; any other takes the word after it. lenient: skip
    unknown names.
    """
    position = 0
    while position < len(words):
        word = words[position]
        if not word.startswith("-"):
            names = (
                [part for name in listed_modules(word) for part in _parts(name)]
                if not lenient
                else [part.partition(AT)[0] for part in re.split(rf"[,{AND}]", word)]
            )
            described = attention.names() if lenient else names
            return [
                attention.describe(name) for name in dict.fromkeys(names) if name != NO_MODULE and name in described
            ]
        position += 1 if word in flags or "=" in word else 2
    return []


def listed_modules(text: str) -> tuple[str, ...]:
    """The modules of a comma list, with those of its groups, also of the user's settings; raises SpecError."""
    parts = split_list(text, "MODULE")
    if not any(map(groups.is_group, parts)):
        return parts
    return groups.expanded(parts, context.config(new=True).groups)


def _parts(name: str) -> list[str]:
    """The names of the modules of a text such as `an@norm2+se`; raises SpecError for one that there is not."""
    if name != NO_MODULE:
        attention.describe(name)
    return [NO_MODULE] if name == NO_MODULE else [part for part, _ in attention.split(name)]


def hyperparameter_options(sources: Sequence[ModuleSource], taken: Collection[str]) -> list[inspect.Parameter]:
    """One option for each hyperparameter, except where the name is taken: that one needs `-p module.name=`."""
    owners: dict[str, list[tuple[ModuleSource, Hyperparameter]]] = {}
    for source in sources:
        for item in source.hyperparameters:
            owners.setdefault(item.name, []).append((source, item))
    return [
        _parameter(
            _HP + name,
            option_name(name),
            HYPERPARAMETERS,
            _hyperparameter_help(modules, alone=len(sources) == 1),
            [item.declared for _, item in modules],
        )
        for name, modules in owners.items()
        if option_name(name) not in taken
    ]


def recipe_options(words: Sequence[str]) -> list[inspect.Parameter]:
    """One option for each field of the recipe, and --help-recipe, which shows them all.

    words: after the command's name. --help shows the everyday fields, with their defaults if the recipe is known.
    """
    everything = HELP_RECIPE in words
    recipe = _applicable(words) if everything or "--help" in words or "-h" in words else ""
    defaults = recipes.load(recipe) if recipe else {}
    fields = [
        _parameter(
            _FIELD + name,
            option_name(name),
            RECIPE,
            _field_help(name, defaults),
            [recipe_types()[name]],
            hidden=not (everything or name in _EVERYDAY),
        )
        for name in recipe_fields()
    ]
    options = _part_options(words)
    shown: Any = typer.Option(
        HELP_RECIPE,
        is_eager=True,
        callback=_show_help,
        rich_help_panel=RECIPE,
        help=f"Show all {len(fields)} recipe options{f', with the defaults of recipe {recipe}' if recipe else ''}.",
    )
    flag = inspect.Parameter(
        _FIELD + "help", inspect.Parameter.KEYWORD_ONLY, default=False, annotation=Annotated[bool, shown]
    )
    return [*fields, *options, flag]


_DOT = "__"
"""Stands for the dot of `loss.gamma` in the name of a parameter."""


def _part_options(words: Sequence[str]) -> list[inspect.Parameter]:
    """One option for each option of the recipe's parts that are named in the words, such as `--loss.gamma`."""
    given = _given(words)
    found: dict[str, tuple[str, recipe_parts.Option]] = {}
    for kind in recipe_parts.KINDS:
        for text in filter(None, given.get(f"--{kind}", "").split(",")):
            try:
                described = parts.described(kind, text.strip())
            except SpecError:  # the command itself says what is wrong
                continue
            found |= {f"{kind}.{item.name}": (part.name, item) for part in described for item in part.options}
    return [
        _parameter(
            _FIELD + name.replace(".", _DOT),
            f"--{name}",
            RECIPE,
            f"Option of {part}: {describe(_type_of(item))}; default {format_value(item.default)}.",
            [_type_of(item)],
        )
        for name, (part, item) in found.items()
    ]


def _type_of(option: recipe_parts.Option) -> Any:
    return str if option.declared is recipe_parts.NUMBERS else option.declared


def _given(words: Sequence[str]) -> dict[str, str]:
    """The values of the options that are typed as `--name value` or `--name=value`."""
    given = {word: value for word, value in pairwise(words) if word.startswith("--")}
    return given | {name: value for name, equals, value in (word.partition("=") for word in words) if equals}


HELP_RECIPE = "--help-recipe"
_EVERYDAY = ("epochs", "batch", "norm_batch", "lr")


def _applicable(words: Sequence[str]) -> str:
    """The recipe that the command line would train with; empty if it is not known yet."""
    given = _given(words)
    try:
        if "--recipe" in given:
            recipes.load(given["--recipe"])
            return given["--recipe"]
        first = {name: given.get(f"--{name}", "").partition(",")[0] for name in ("model", "backbone", "dataset")}
        dataset = first["dataset"] or "digits"
        if own.is_reference(dataset):  # to measure a folder takes too long for a help or a completion
            return ""
        backbone = first["backbone"] or default_backbone(first["model"], dataset)
        return recipes.default_for(dataset, backbone, first["model"])
    except SpecError:
        return ""


def _show_help(ctx: typer.Context, wanted: bool) -> None:
    if wanted:
        output.line(ctx.get_help())
        raise typer.Exit


def collected(given: Mapping[str, Any]) -> tuple[dict[str, Any], Dynamic]:
    """Split the values that Typer passes into those of declared parameters and the synthesized ones."""
    static = {name: value for name, value in given.items() if not name.startswith((_HP, _FIELD))}
    chosen = {name: ",".join(value) for name, value in given.items() if name.startswith((_HP, _FIELD)) and value}
    return static, Dynamic(
        {name.removeprefix(_HP): value for name, value in chosen.items() if name.startswith(_HP)},
        {
            name.removeprefix(_FIELD).replace(_DOT, "."): value
            for name, value in chosen.items()
            if name.startswith(_FIELD)
        },
    )


def _parameter(
    name: str, option: str, panel: str, text: str, declared: Sequence[Any], *, hidden: bool = False
) -> inspect.Parameter:
    """A parameter of a command that Typer makes an option of. declared: the types that its values may have."""
    values = [choice for member in declared for choice in choices(member)]
    named = {value_names.of_list(member) for member in declared}
    made: Any = typer.Option(
        option,
        help=text,
        hidden=hidden,
        metavar=named.pop() if len(named) == 1 else value_names.VALUES,
        rich_help_panel=panel,
        autocompletion=completion.one_of(dict.fromkeys(values)) if values else None,
    )
    annotation = Annotated[list[str] | None, made]  # given twice, the lists are joined
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=annotation)


def option_name(name: str) -> str:
    """`norm_batch` as `--norm-batch`."""
    return "--" + name.replace("_", "-")


def _hyperparameter_help(owners: Sequence[tuple[ModuleSource, Hyperparameter]], *, alone: bool) -> str:
    """Such as `size of the convolution: a whole number; default 7`, for each module that has the hyperparameter."""
    parts = []
    for source, item in owners:
        about = f"{item.help}: " if item.help else ""
        owner = "" if alone else f"{source.name}: "
        parts.append(f"{owner}{about}{describe(item.declared)}; default {format_value(item.default)}")
    return ". ".join(parts) + "."


def _field_help(name: str, defaults: Mapping[str, Scalar]) -> str:
    """Such as `Weight decay. A number, at least 0. [default: 0.0005]`; the default where the recipe is known."""
    field = recipe_fields()[name]
    bounds = [f"{words} {field.metadata[key]:g}" for key, words in _BOUND_WORDS.items() if key in field.metadata]
    values = ", ".join([describe(recipe_types()[name]), *bounds])
    default = defaults.get(name, field.metadata.get("neutral"))
    shown = f" [default: {format_value(default)}]" if defaults and default not in {None, ""} else ""
    return f"{_capitalized(field.metadata['help'])}. {_capitalized(values)}.{shown}"


def _capitalized(text: str) -> str:
    return text[:1].upper() + text[1:]
