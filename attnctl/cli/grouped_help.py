"""Plain help in groups: commands and options under the headings that a terminal shows as panels.

Typer draws `rich_help_panel` only with rich, which costs more than the whole rest of a help (0.1 s), and which a pipe
does not need.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from typer.core import TyperCommand, TyperGroup

from attnctl.cli import context
from attnctl.cli.errors import Interrupted
from attnctl.cli.plain_values import take_directly
from attnctl.cli.value_names import name_values

_OPTIONS = "Options"


class GroupedCommand(TyperCommand):
    """A command whose help names values in words, and whose plain help shows its options in their groups."""

    def __init__(self, *words: Any, **settings: Any) -> None:
        super().__init__(*words, **settings)
        take_directly(self.params)

    def get_help_option(self, ctx: Any) -> Any:
        """The option --help."""
        option = super().get_help_option(ctx)
        take_directly([option] if option is not None else [])
        return option

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Write the help, with colours where they are wanted."""
        name_values(ctx, self.get_params(ctx))
        super().format_help(ctx, formatter)

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Write the arguments, then each group of options; those without a group come last."""
        _write_options(self, ctx, formatter)

    def shell_complete(self, ctx: Any, incomplete: str) -> list[Any]:
        """As Typer has it, also for the value of an option that starts with `-`, such as `--sort -top1`."""
        words = context.completed_words()
        before = words[-2] if incomplete.startswith("-") and words[-1:] == [incomplete] and len(words) > 1 else ""
        for parameter in self.get_params(ctx) if before.startswith("-") else ():
            if before in parameter.opts and not getattr(parameter, "is_flag", False):
                found: list[Any] = parameter.shell_complete(ctx, incomplete)
                return found
        return list(super().shell_complete(ctx, incomplete))


class GroupedGroup(TyperGroup):
    """A group of commands whose help names values in words, and whose plain help shows its commands in their groups."""

    def invoke(self, ctx: Any) -> Any:
        """Run the command. Raises Interrupted on Ctrl-C."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt as error:
            raise Interrupted(str(error)) from error

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Write the help, with colours where they are wanted."""
        name_values(ctx, self.get_params(ctx))
        super().format_help(ctx, formatter)

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Write the options, then each group of commands."""
        _write_options(self, ctx, formatter)
        commands = [(name, self.get_command(ctx, name)) for name in self.list_commands(ctx)]
        shown = [(name, command) for name, command in commands if command is not None and not command.hidden]
        width = max((len(name) for name, _ in shown), default=0)
        limit = formatter.width - 6 - width
        rows = [
            (
                getattr(command, "rich_help_panel", None) or "Commands",
                (name.ljust(width), command.get_short_help_str(limit)),
            )
            for name, command in shown
        ]
        _write_sections(formatter, rows)


def _write_options(command: Any, ctx: Any, formatter: Any) -> None:
    rows = []
    for parameter in command.get_params(ctx):
        record = parameter.get_help_record(ctx)
        if record is not None:
            unnamed = "Arguments" if parameter.param_type_name == "argument" else _OPTIONS
            rows.append((getattr(parameter, "rich_help_panel", None) or unnamed, record))
    _write_sections(formatter, rows)


def _write_sections(formatter: Any, rows: Sequence[tuple[str, tuple[str, str]]]) -> None:
    """Each group under its heading, in the order in which they first appear; plain options last."""
    for heading in sorted(_unique(heading for heading, _ in rows), key=lambda heading: heading == _OPTIONS):
        with formatter.section(heading):
            formatter.write_dl([record for group, record in rows if group == heading])


def _unique(items: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(items))
