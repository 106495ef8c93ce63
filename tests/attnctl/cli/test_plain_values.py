"""Values that are taken without Typer's conversion: they are those that Typer's own command gets."""

from __future__ import annotations

from enum import Enum
from pathlib import Path
from typing import Annotated, Any

import pytest
import typer
from typer.core import TyperCommand
from typer.main import get_command

from attnctl.cli.grouped_help import GroupedCommand


class Colour(Enum):
    """A choice."""

    RED = "red"


def parsed(words: list[str], kind: type[TyperCommand]) -> Any:
    """What a command of this kind makes of a command line: its values, or the error."""
    app = typer.Typer(add_completion=False)
    found: list[dict[str, Any]] = []

    @app.command(cls=kind)
    def command(
        name: str,
        others: Annotated[list[str] | None, typer.Argument()] = None,
        text: Annotated[str | None, typer.Option()] = None,
        default: Annotated[str, typer.Option()] = "ela",
        several: Annotated[list[str] | None, typer.Option()] = None,
        number: Annotated[int, typer.Option(min=1, max=5)] = 3,
        part: Annotated[float | None, typer.Option()] = None,
        path: Annotated[Path | None, typer.Option()] = None,
        colour: Annotated[Colour | None, typer.Option()] = None,
        upper: Annotated[str | None, typer.Option(callback=lambda value: value and value.upper())] = None,
        spelt: Annotated[Any, typer.Option(parser=lambda text: list(text))] = None,
        flag: Annotated[bool, typer.Option()] = False,
        either: Annotated[bool | None, typer.Option("--yes/--no")] = None,
    ) -> None:
        found.append(dict(locals()))

    try:
        get_command(app)(args=words, prog_name="try", standalone_mode=False)
    except Exception as error:
        return type(error).__name__, str(error)
    found[0].pop("found", None)
    return found


@pytest.mark.parametrize(
    "words",
    [
        ["a"],
        [],
        ["a", "b", "c"],
        ["a", "", "ü", "\udc80"],
        ["ü"],
        ["\udc80"],
        ["a", "--text", "", "--default", "b", "--several", "x", "--several", "y"],
        ["a", "--text", "\udcff", "--several", "\udcff"],
        ["a", "--number", "4", "--part", "0.5", "--path", "x/y", "--colour", "red", "--flag", "--no"],
        ["a", "--number", "6"],
        ["a", "--number", "two"],
        ["a", "--colour", "blue"],
        ["a", "--upper", "loud", "--spelt", "abc"],
        ["a", "--wrong"],
        ["a", "--text"],
    ],
    ids=ascii,
)
def test_a_command_gets_the_values_and_errors_that_typer_gives(words: list[str]) -> None:
    assert parsed(words, GroupedCommand) == parsed(words, TyperCommand)
