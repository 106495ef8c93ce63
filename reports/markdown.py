"""A table as GitHub-flavoured Markdown."""

from __future__ import annotations

import re

from reports.table import Row, Table, texts

# CommonMark 0.31, 2.4: any ASCII punctuation may be escaped by a backslash. These can begin something inline; GitHub
# adds mentions, issues, formulas and :emoji: to the standard.
_SPECIAL = re.compile(r"([\\`*_{}\[\]<>&|~$#@]|:(?=[\w+-]+:))")
# At the beginning of a paragraph these begin a list, or make a heading of what stands above.
_BEGINNING = re.compile(r"^(\d{0,9})([-+=.)])")


def escape(text: str) -> str:
    """A user's text as Markdown that shows just that text, in one line."""
    return _BEGINNING.sub(r"\1\\\2", _SPECIAL.sub(r"\\\1", " ".join(text.split())))


def render(table: Table) -> str:
    """The table with its groups as rows in italics, and its notes below."""
    headings = [*table.headers, *(column.heading for column in table.columns)]
    rule = ["---"] * len(table.headers) + ["---:"] * len(table.columns)
    out = [f"### {escape(table.title)}", ""] if table.title else []
    out += [_line([escape(heading) for heading in headings]), _line(rule)]
    for group in table.groups:
        out.append(_line([f"*{escape(group.title)}*", *[""] * (len(headings) - 1)]))
        for row in group.rows:
            out.append(_line([*map(escape, row.header), *_cells(row, table)]))
    for note in table.notes:
        out += ["", escape(note)]
    return "\n".join(out) + "\n"


def _line(cells: list[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def _cells(row: Row, table: Table) -> list[str]:
    made = []
    for cell, (number, state) in zip(row.cells, texts(row, table.columns, " ± "), strict=True):
        shown = f"**{number}**" if number and cell.best else number
        made.append(f"{shown} ({escape(state)})" if number and state else shown or escape(state))
    return made
