"""`attnctl modules`: what can be compared."""

from __future__ import annotations

from typing import Annotated

import typer

from attnctl import attention, groups
from attnctl.cli import completion, context, output
from attnctl.cli.commands.listings import split_names
from attnctl.cli.sweeping import dynamic_options
from attnctl.cli.table_layout import Column
from attnctl.sources.signature import ModuleSource
from attnctl.spec import NO_MODULE
from attnctl.values import describe, format_value

_COLUMNS = (Column("module"), Column("hyperparameters", wrap=24), Column("what it is", wrap=30))
_PLAIN = "the plain backbone"
_HYPERPARAMETERS = (
    Column("module"),
    Column("hyperparameter"),
    Column("default"),
    Column("values", wrap=18),
    Column("what it is", wrap=24),
)


def modules(
    names: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="MODULE",
            help="Show the hyperparameters of these modules: from the list, or ./mine.py:MyAttention; "
            "group:NAME lists the modules of a group.",
            autocompletion=completion.modules,
        ),
    ] = None,
    as_json: context.AsJson = False,
) -> None:
    """List attention modules and their hyperparameters.

    Examples:
        attnctl modules
        attnctl modules ela se
        attnctl modules group:lightweight
    """
    typed = split_names(names)
    grouped = bool(typed) and all(map(groups.is_group, typed))
    chosen = dynamic_options.listed_modules(",".join(typed)) if typed else attention.names()
    sources = {name: attention.describe(name) for name in chosen if name != NO_MODULE}
    if as_json:
        output.document(
            {
                "modules": [
                    {
                        "name": source.name,
                        "summary": source.summary,
                        "version": source.version,
                        "hyperparameters": [
                            {
                                "name": item.name,
                                "default": item.default,
                                "values": describe(item.declared),
                                "help": item.help,
                            }
                            for item in source.hyperparameters
                        ],
                    }
                    for source in sources.values()
                ]
            }
        )
        return
    if names and not grouped:
        output.table(_HYPERPARAMETERS, [row for name in chosen for row in _hyperparameters(sources.get(name))])
        return
    rows = [[NO_MODULE, "", _PLAIN]]
    for source in sources.values():
        defaults = " ".join(f"{item.name}={format_value(item.default)}" for item in source.hyperparameters)
        rows.append([source.name, defaults, source.summary])
    output.table(_COLUMNS, rows)
    output.note("attnctl modules NAME explains its hyperparameters; attnctl sweep NAME --help shows their options")
    if not grouped:
        output.note(f"groups of modules: {_groups()}; own ones in the section [groups] of attnctl.toml")


def _groups() -> str:
    return ", ".join(f"{groups.PREFIX}{name} ({what})" for name, (_, what) in groups.BUILT_IN.items())


def _hyperparameters(source: ModuleSource | None) -> list[list[str]]:
    """A row for each; one that says so for a module without any. None: the plain backbone."""
    if source is None:
        return [[NO_MODULE, "none", "", "", _PLAIN]]
    rows = [
        [source.name, item.name, format_value(item.default), describe(item.declared), item.help]
        for item in source.hyperparameters
    ]
    return rows or [[source.name, "none", "", "", source.summary]]
