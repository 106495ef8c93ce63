"""What commands print: tables, lines, JSON. A terminal gets rich's tables; a pipe gets aligned text, never wrapped."""

from __future__ import annotations

import contextlib
import math
import sys
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any, TextIO

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

    from attnctl.cli.table_layout import Column, Part

STYLES = {
    "completed": "green",
    "running": "cyan",
    "suspended": "yellow",
    "queued": "yellow",
    "submitting": "yellow",
    "new": "bold",
    "done": "green",
    "failed": "red",
    "code error": "red",
    "diverged": "red",
    "out of memory": "red",
    "CUDA out of memory": "red",
    "stalled": "red",
    "killed": "red",
    "setup failed": "red",
    "held": "magenta",
    "refused": "red",
    "disk full": "red",
    "environment missing": "red",
    "data missing": "red",
    "data error": "red",
    "base unfinished": "magenta",
    "unknown": "red",
    "timeout": "magenta",
    "preempted": "magenta",
    "node failure": "magenta",
    "launch failed": "magenta",
    "cancelled": "dim",
}
"""Texts of cells that have a colour."""

_LEAST_TEXT = 20
"""Cells of a wrapped text, at least, in however narrow a terminal."""

_ROLES = {"heading": "bold", "note": "dim"}


def is_terminal(stream: TextIO | None = None) -> bool:
    """Whether the stream (default: standard output) is a terminal."""
    return (stream or sys.stdout).isatty()


@cache
def console() -> Console:
    """The terminal, by rich, which honours NO_COLOR."""
    from rich.console import Console

    return Console(highlight=False, markup=False, emoji=False)


def line(text: str = "") -> None:
    """Print one line on standard output."""
    sys.stdout.write(text + "\n")


def prose(text: str) -> None:
    """Print sentences, on a terminal wrapped between words."""
    hanging("", text, 0)


@contextlib.contextmanager
def others_on_standard_error() -> Iterator[None]:
    """What users' modules print meanwhile goes to standard error, so that standard output has only the results."""
    sys.stdout.flush()
    with contextlib.redirect_stdout(sys.stderr):
        yield


def note(text: str) -> None:
    """Print a message on standard error."""
    sys.stdout.flush()
    sys.stderr.write(one_line(text) + "\n")


def document(value: Any) -> None:
    """Print one JSON document; a number that JSON does not have, such as one of a broken file, is null."""
    import json

    try:
        text = json.dumps(value, indent=2, default=str, allow_nan=False)
    except ValueError:
        text = json.dumps(_finite(value), indent=2, default=str, allow_nan=False)
    line(text)


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def table(columns: Sequence[Column], rows: Sequence[Sequence[str]]) -> None:
    """Print a table, the headings first: fitted to a terminal, else all of it, each row on one line."""
    from attnctl.cli.table_layout import filled

    columns, rows = filled(columns, rows)
    if is_terminal():
        console().print(fitted(columns, rows, console().width))
    else:
        line("\n".join(aligned([[column.name for column in columns], *rows])))


def fitted(columns: Sequence[Column], rows: Sequence[Sequence[str]], cells: int) -> Text:
    """The table for a terminal of that many cells, in lines that are no wider."""
    from rich.text import Text

    from attnctl.cli.table_layout import lay_out

    plain = [[one_line(text) for text in row] for row in rows]
    lines = [
        Text.assemble(*((part.text, _style(part)) for part in parts), end="", no_wrap=True)
        for parts in lay_out(columns, plain, cells).lines
    ]
    return Text("\n", end="\n", no_wrap=True, overflow="ignore").join(lines)


def _style(part: Part) -> str:
    return STYLES.get(part.text, "") if part.role == "cell" else _ROLES.get(part.role, "")


def pairs(values: Mapping[str, str]) -> None:
    """Print names and values, a line each, the values aligned; further lines of a value are indented alike."""
    indent = max(map(len, values), default=0) + 2
    for name, value in values.items():
        for number, part in enumerate(value.splitlines() or [""]):
            hanging("" if number else name, part, indent)


def hanging(start: str, text: str, indent: int) -> None:
    """Print a text behind its start; on a terminal it is wrapped between words, and what follows is indented."""
    lines = [one_line(text)]
    if is_terminal():
        from attnctl.cli.text_width import wrapped

        lines = wrapped(lines[0], max(_LEAST_TEXT, console().width - indent))
    for number, part in enumerate(lines):
        line(f"{'' if number else start:<{indent}}{part}".rstrip())


def aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    """Rows as lines with aligned columns, two blanks apart."""
    columns: list[Sequence[str]] = []
    forms = []
    for column in zip(*rows, strict=True):
        text = "".join(column)
        if text.isascii() and text.isprintable():  # thousands of rows are seldom anything else
            columns.append(column)
            forms.append(f"%-{max(map(len, column))}s")
        else:
            from attnctl.cli.text_width import width

            cells = [one_line(cell) for cell in column]
            wide = max(map(width, cells))
            columns.append([cell + " " * (wide - width(cell)) for cell in cells])
            forms.append("%s")
    form = "  ".join(forms)
    return [(form % row).rstrip() for row in zip(*columns, strict=True)]


def one_line(text: str) -> str:
    """The text with whatever could break a line, or steer a terminal, made visible."""
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)
