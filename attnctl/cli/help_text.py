"""The help of a command, made from the docstring of its function: a summary, prose, and at its end the examples.

Examples:
    attnctl logs 3fa2 --follow
"""

from __future__ import annotations

from inspect import cleandoc

EXAMPLES = "Examples:"

_KEEP_LINES = "\b\n"
"""Begins a paragraph whose lines Typer's plain help keeps; its help with colours keeps all lines."""


def help_text(docstring: str | None, *, rich: bool) -> str:
    """A docstring with each paragraph on one line, for Typer breaks lines where the source does.

    The lines of the examples are kept. rich: for the help with colours, else for the plain one.
    """
    return "\n\n".join(
        _example_lines(part, rich) if part.startswith(EXAMPLES) else " ".join(part.split())
        for part in cleandoc(docstring or "").split("\n\n")
    )


def examples(docstring: str | None) -> list[str]:
    """The command lines below `Examples:`."""
    parts = cleandoc(docstring or "").split("\n\n")
    return [line.strip() for part in parts if part.startswith(EXAMPLES) for line in part.splitlines()[1:]]


def _example_lines(part: str, rich: bool) -> str:
    """The block, indented. Typer removes the indentation of a line in its help with colours unless markup begins it."""
    lines = [line.strip() for line in part.splitlines()[1:]]
    shown = [f"[not dim]  {line}[/not dim]" if rich else f"  {line}" for line in lines]
    return ("" if rich else _KEEP_LINES) + "\n".join([EXAMPLES, *shown])
