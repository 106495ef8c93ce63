"""A table for a terminal, by rich; and the same as plain text, for pipes and files."""

from __future__ import annotations

import io

from rich import box
from rich.console import Console, Group, RenderableType
from rich.table import Table as RichTable
from rich.text import Text

from reports.table import Row, Table, texts

PLAIN_WIDTH = 400
"""Columns of plain text: wider than any table, so that nothing is folded."""


def renderable(table: Table, *, boxes: bool = True) -> RenderableType:
    """The table for a rich console. Texts of users are never read as markup."""
    style = box.SIMPLE_HEAD if boxes else None
    made = RichTable(box=style, title=_text(table.title) if table.title else None, title_justify="left", pad_edge=False)
    for header in table.headers:
        made.add_column(_text(header), no_wrap=True)
    for column in table.columns:
        made.add_column(Text(column.heading), justify="right")
    blanks = [""] * len(table.columns)
    for number, group in enumerate(table.groups):
        if number:
            made.add_row()
        made.add_row(_text(group.title, "italic"), *[""] * (len(table.headers) - 1), *blanks)
        for row in group.rows:
            made.add_row(_text("  " + row.header[0]), *map(_text, row.header[1:]), *_cells(row, table))
    return Group(made, *(_text(note, "dim") for note in table.notes))


def render(table: Table) -> str:
    """The table as plain text: no colours, no boxes, no line folded."""
    stream = io.StringIO()
    console = Console(file=stream, width=PLAIN_WIDTH, color_system=None, force_terminal=False, highlight=False)
    console.print(renderable(table, boxes=False))
    return "".join(line.rstrip() + "\n" for line in stream.getvalue().splitlines())


def _cells(row: Row, table: Table) -> list[Text]:
    made = []
    for cell, (number, state) in zip(row.cells, texts(row, table.columns, " ± "), strict=True):
        text = Text(number, style="bold" if cell.best else "")
        if state:
            text.append_text(_text(f" ({state})" if number else state, "yellow"))
        made.append(text)
    return made


def _text(words: str, style: str = "") -> Text:
    """A user's text, never read as markup; what could break a line or steer a terminal is made visible."""
    return Text("".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in words), style=style)
