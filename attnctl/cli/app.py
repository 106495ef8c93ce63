"""The Typer app of one command line: only the modules of the commands that it names are imported."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib import import_module
from typing import Annotated, Any

import typer

from attnctl import __version__
from attnctl.cli import output
from attnctl.cli.grouped_help import GroupedCommand, GroupedGroup
from attnctl.cli.help_text import help_text
from attnctl.cli.option_groups import expanded
from attnctl.cli.registry import COMMANDS, Command

HELP = "Sweep attention modules over backbones and data sets, locally or on SLURM, and print the tables."


def build(words: Sequence[str], *, rich: bool, completing: bool = False) -> typer.Typer:
    """The app for the command line `words`. rich: help with colours and boxes, else plain text.

    completing: it is for the shell, which wants to complete a word.
    """
    mode: Any = "rich" if rich else None
    # Of the options before a command Typer checks every one, given or not, and loads Pydantic (0.1 s) to do so: a
    # command line that begins with its command is parsed without any.
    first = next((word for word in words if word != "--debug"), "")
    alone = completing or first not in {command.name for command in COMMANDS}
    app = typer.Typer(
        name="attnctl",
        cls=GroupedGroup,
        help=HELP,
        rich_markup_mode=mode,
        context_settings=_SETTINGS,
        add_completion=alone,
        add_help_option=alone,
    )
    app.callback(invoke_without_command=alone)(_alone if alone else _before_a_command)
    for command in COMMANDS:
        named = command.name in words
        if named and command.functions:
            app.add_typer(_group(command, rich), name=command.name, help=command.summary, rich_help_panel=command.panel)
        else:
            function = _function(command, words, completing) if named else _not_named
            text = help_text(function.__doc__, rich=rich) if named else command.summary
            app.command(command.name, cls=GroupedCommand, help=text, rich_help_panel=command.panel)(function)
    return app


_SETTINGS = {"help_option_names": ["--help", "-h"]}


def _function(command: Command, words: Sequence[str], completing: bool) -> Callable[..., object]:
    """The command's function; `command_for` makes it in a module whose options depend on the command line."""
    module = import_module(command.import_name)
    maker: Callable[[Sequence[str], bool], Callable[..., object]] | None = getattr(module, "command_for", None)
    if maker is not None:
        return maker(_after(words, command.name), completing)
    return expanded(getattr(module, command.function or command.name))


_BEFORE_A_NAME = {"--workspace", "--pivot"}
"""Options whose value may be a command's name, as in `report --pivot sweep`."""


def _after(words: Sequence[str], name: str) -> Sequence[str]:
    """The words after the command's name; the same word as the value of an option such as --workspace is not it."""
    places = [k for k, word in enumerate(words) if word == name and (k == 0 or words[k - 1] not in _BEFORE_A_NAME)]
    return words[places[0] + 1 :] if places else ()


def _group(command: Command, rich: bool) -> typer.Typer:
    module = import_module(command.import_name)
    group = typer.Typer(cls=GroupedGroup, context_settings=_SETTINGS, no_args_is_help=False)
    group.callback()(_no_options)
    for name, attribute in command.functions.items():
        function = getattr(module, attribute)
        group.command(name, cls=GroupedCommand, help=help_text(function.__doc__, rich=rich))(function)
    return group


def _not_named() -> None:
    raise AssertionError("this command was not imported, since the command line does not name it")


def _no_options() -> None:
    """A group takes no options of its own."""


def _version(wanted: bool) -> None:
    if wanted:
        output.line(f"attnctl {__version__}")
        raise typer.Exit


def _before_a_command(
    debug: Annotated[bool, typer.Option("--debug")] = False,
) -> None:
    """The only option that main leaves before a command."""


def _alone(
    ctx: typer.Context,
    workspace: Annotated[  # noqa: ARG001 - main has read it; here it is for the help
        str | None,
        typer.Option(
            help="Workspace folder (default: nearest parent with attnctl.toml, else the current folder).", metavar="DIR"
        ),
    ] = None,
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an internal error.")] = False,  # noqa: ARG001 - the same
    version: Annotated[  # noqa: ARG001 - its callback does it
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Without a command the help is shown."""
    if ctx.invoked_subcommand is None:
        output.line(ctx.get_help())
