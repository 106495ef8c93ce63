"""Options that are declared once, as a dataclass, and reach a command as one object."""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from typing import Annotated

import pytest
import typer
from typer.testing import CliRunner

from attnctl.cli.option_groups import Shown, expanded


@dataclass(frozen=True, kw_only=True)
class Options:
    """Options of a test."""

    nodes: Annotated[int | None, typer.Option(help="Number of nodes.", min=1)] = None
    name: Annotated[str, typer.Option("--name", "-n", help="A name.", rich_help_panel="Names")] = "none"


def run(function: object, *words: str) -> tuple[int, str]:
    """A command line: its exit code, and what it prints."""
    app = typer.Typer(rich_markup_mode=None)
    app.command()(expanded(function))  # type: ignore[arg-type]
    result = CliRunner().invoke(app, words)
    return result.exit_code, result.output


def both(file: str, *, options: Annotated[Options, Shown()], force: Annotated[bool, typer.Option()] = False) -> None:
    """Take all options of the group."""
    typer.echo(f"{file} {options} {force}")


def few(*, options: Annotated[Options, Shown(panel="Where", only=("nodes",))]) -> None:
    """Take some options of the group."""
    typer.echo(repr(options))


def test_a_command_receives_its_option_groups_as_objects() -> None:
    assert run(both, "x") == (0, "x Options(nodes=None, name='none') False\n")
    assert run(both, "x", "--nodes", "2", "-n", "it", "--force") == (0, "x Options(nodes=2, name='it') True\n")


def test_options_are_checked_and_described_by_their_declared_types() -> None:
    assert run(both, "x", "--nodes", "0")[0] == 2
    _, text = run(both, "--help")
    assert "Take all options of the group." in text
    assert "Number of nodes." in text


def test_a_command_can_show_some_options_under_its_own_heading() -> None:
    assert run(few, "--nodes", "3") == (0, "Options(nodes=3, name='none')\n")
    assert run(few, "--name", "it")[0] == 2
    (option,) = inspect.signature(expanded(few)).parameters.values()
    assert option.annotation.__metadata__[0].rich_help_panel == "Where"
    panels = [item.annotation.__metadata__[0].rich_help_panel for item in list(_parameters(both))[1:3]]
    assert panels == [None, "Names"], "the declaration itself keeps its heading"


def _parameters(function: object) -> list[inspect.Parameter]:
    return list(inspect.signature(expanded(function)).parameters.values())  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("shown", "names"),
    [
        (Shown(), ["nodes", "name"]),
        (Shown(only=("name",)), ["name"]),
        (Shown(without=("name",)), ["nodes"]),
    ],
)
def test_fields_can_be_chosen_or_left_out(shown: Shown, names: list[str]) -> None:
    assert [name for name in ("nodes", "name") if shown.has(name)] == names


def test_a_function_without_option_groups_is_unchanged() -> None:
    def plain(file: str) -> str:
        return file

    assert expanded(plain) is plain


def other(*, options: Annotated[Options, Shown(defaults={"name": "other"})]) -> None:
    """Take all options of the group, one with another default."""
    typer.echo(repr(options))


def test_a_command_can_have_another_default_than_the_group() -> None:
    assert run(other) == (0, "Options(nodes=None, name='other')\n")
    assert run(other, "-n", "it") == (0, "Options(nodes=None, name='it')\n")
    assert "default: other" in run(other, "--help")[1]
