"""The help of a command, and the examples at its end."""

from __future__ import annotations

import shlex
from importlib import import_module

import pytest
from typer.main import get_command

from attnctl.cli import context, main, without_globals
from attnctl.cli.app import build
from attnctl.cli.help_text import examples, help_text
from attnctl.cli.registry import COMMANDS
from tests.attnctl.cli.cli_run import on_a_terminal

_DOCSTRING = """Do one thing.

    A paragraph that the source
    breaks.

    Examples:
        attnctl one
        attnctl one --more 2
    """


def _functions() -> dict[str, str | None]:
    """The docstring of each command and each command of a group, by what is typed."""
    found: dict[str, str | None] = {}
    for command in COMMANDS:
        module = import_module(command.import_name)
        for name, function in command.functions.items():
            found[f"{command.name} {name}"] = getattr(module, function).__doc__
        if not command.functions:
            found[command.name] = getattr(module, command.function or command.name).__doc__
    return found


DOCSTRINGS = _functions()
EXAMPLES = [(typed, line) for typed, docstring in DOCSTRINGS.items() for line in examples(docstring)]


def test_paragraphs_are_on_one_line_and_examples_keep_their_lines() -> None:
    prose = "Do one thing.\n\nA paragraph that the source breaks.\n\n"
    assert help_text(_DOCSTRING, rich=False) == f"{prose}\b\nExamples:\n  attnctl one\n  attnctl one --more 2"
    coloured = "Examples:\n[not dim]  attnctl one[/not dim]\n[not dim]  attnctl one --more 2[/not dim]"
    assert help_text(_DOCSTRING, rich=True) == prose + coloured
    assert examples(_DOCSTRING) == ["attnctl one", "attnctl one --more 2"]
    assert help_text(None, rich=False) == ""
    assert examples("Only a summary.") == []


@pytest.mark.parametrize("typed", DOCSTRINGS)
def test_the_help_of_every_command_ends_with_one_to_three_examples_of_it(
    typed: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    lines = examples(DOCSTRINGS[typed])
    assert 1 <= len(lines) <= 3
    assert all(line == f"attnctl {typed}" or line.startswith(f"attnctl {typed} ") for line in lines)
    assert main([*typed.split(), "--help"]) == 0
    shown = capsys.readouterr().out.splitlines()
    start = shown.index("  Examples:")
    assert shown[start + 1 : start + 1 + len(lines)] == [f"    {line}" for line in lines]
    assert max(map(len, shown)) <= 80


def test_the_help_on_a_terminal_indents_the_examples() -> None:
    shown = on_a_terminal(["diff", "--help"], {"NO_COLOR": "1", "TERM": "dumb", "COLUMNS": "80"}).splitlines()
    assert "   attnctl diff 3fa2 81bc" in [line.rstrip() for line in shown]


@pytest.mark.parametrize(("typed", "line"), EXAMPLES, ids=lambda value: value)
def test_the_options_of_every_example_exist_and_accept_its_values(typed: str, line: str) -> None:
    words = shlex.split(line)[1:]
    context.begin(words)
    context.choose(None)
    _, rest = without_globals(words)
    command = get_command(build(rest, rich=False))
    parent = command.make_context("attnctl", rest)
    for _ in typed.split():
        name, command, rest = command.resolve_command(parent, [*parent._protected_args, *parent.args])  # type: ignore[attr-defined]
        parent = command.make_context(name, rest, parent=parent)
    assert not parent.args, "everything in it is an argument or an option"
