"""What commands print: tables, lines, JSON. A terminal gets rich's tables; a pipe gets aligned text, never wrapped."""

from __future__ import annotations

import math
import sys
from collections.abc import Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any, TextIO

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

STYLES = {
    "completed": "green",
    "running": "cyan",
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
    "no evidence": "red",
    "timeout": "magenta",
    "preempted": "magenta",
    "node failure": "magenta",
    "cancelled": "dim",
}
"""Words that have a colour, as a cell or as its first word."""


def is_terminal(stream: TextIO | None = None) -> bool:
    """Whether a person sees it as it is written. stream: standard output unless given."""
    return (stream or sys.stdout).isatty()


@cache
def console() -> Console:
    """The terminal, by rich, which honours NO_COLOR."""
    from rich.console import Console

    return Console(highlight=False, markup=False, emoji=False)


def line(text: str = "") -> None:
    """Print one line on standard output."""
    sys.stdout.write(text + "\n")


def note(text: str) -> None:
    """Say something beside the output, on standard error."""
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


def table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print a table, the headings first."""
    if is_terminal():
        console().print(rich_table(columns, rows))
    else:
        line("\n".join(aligned([columns, *rows])))


def pairs(values: Mapping[str, str]) -> None:
    """Print names and values, a line each, the values aligned; further lines of a value are indented alike."""
    width = max(map(len, values), default=0) + 2
    for name, value in values.items():
        first, *more = value.splitlines() or [""]
        line(f"{name:<{width}}{one_line(first)}".rstrip())
        for rest in more:
            line(" " * width + one_line(rest))


def aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    """Rows as lines whose cells begin below each other, two blanks apart."""
    padded = []
    for column in zip(*rows, strict=True):
        cells = [one_line(cell) for cell in column]
        if all(map(str.isascii, cells)):  # thousands of rows are seldom anything else
            wide = max(map(len, cells))
            padded.append([cell.ljust(wide) for cell in cells])
        else:
            wide = max(map(_width, cells))
            padded.append([cell + " " * (wide - _width(cell)) for cell in cells])
    return ["  ".join(row).rstrip() for row in zip(*padded, strict=True)]


def rich_table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> Table:
    """The table for a terminal."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table
    from rich.text import Text

    made = Table(box=SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for name in columns:
        made.add_column(name, overflow="fold")
    for row in rows:
        made.add_row(*(Text(one_line(cell), style=STYLES.get(cell, "")) for cell in row))
    return made


def one_line(text: str) -> str:
    """The text with whatever could break a line, or steer a terminal, made visible."""
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)


def _width(text: str) -> int:
    """Columns of a terminal that a text takes."""
    import unicodedata

    return sum(
        2 if unicodedata.east_asian_width(char) in "WF" else 0 if unicodedata.combining(char) else 1 for char in text
    )
