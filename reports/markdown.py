"""A table as GitHub-flavoured Markdown."""

from __future__ import annotations

import re
from collections.abc import Sequence

from attnctl.reports.table import Cell, ReportTable, Row, one_line, texts

# CommonMark 0.31, 2.4: any ASCII punctuation may be escaped by a backslash. These can begin something inline; GitHub
# adds mentions, issues, formulas and :emoji: to the standard. No library knows GitHub's.
_SPECIAL = re.compile(r"([\\`*_{}\[\]<>&|~$#@]|:(?=[\w+-]+:))")
# At the beginning of a paragraph these begin a list, or make a heading of what stands above.
_BEGINNING = re.compile(r"^(\d{0,9})([-+=.)])")


def escape(text: str) -> str:
    """A user's text as Markdown that shows just that text, in one line."""
    return _SPECIAL.sub(r"\\\1", one_line(text))


def paragraph(text: str) -> str:
    """As `escape`, for text that begins a line."""
    return _BEGINNING.sub(r"\1\\\2", escape(text))


def render(table: ReportTable) -> str:
    """The table with its groups as rows in italics, its notes and footnotes below.

    Markdown has no heading over several columns: each column's own says it. The best is bold, the second underlined.
    """
    headings = [*table.headers, *(column.full_heading for column in table.columns)]
    rule = ["---"] * len(table.headers) + [":---" if column.kind == "words" else "---:" for column in table.columns]
    out = [f"### {escape(table.title)}", ""] if one_line(table.title) else []
    out += [_line([escape(heading) for heading in headings]), _line(rule)]
    for group in table.groups:
        if one_line(group.title):
            out.append(_line([f"*{escape(group.title)}*", *[""] * (len(headings) - 1)]))
        for row in group.rows:
            *words, last = map(escape, row.header)
            out.append(_line([*words, last + _marks(row.marks), *_cells(row, table)]))
    for note in table.notes:
        out += ["", paragraph(note)]
    for footnote in table.footnotes:
        out += ["", f"{_marks((footnote.mark,))} {escape(footnote.text)}"]
    return "\n".join(out) + "\n"


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def _cells(row: Row, table: ReportTable) -> list[str]:
    return [
        _cell(cell, escape(number), escape(state))
        for cell, (number, state) in zip(row.cells, texts(row, table.columns, " ± "), strict=True)
    ]


def _cell(cell: Cell, number: str, state: str) -> str:
    shown = f"**{number}**" if number and cell.best else f"<u>{number}</u>" if number and cell.second else number
    if number:
        return shown + _marks(cell.marks) + (f" ({state})" if state else "")
    return state + _marks(cell.marks)


def _marks(marks: Sequence[str]) -> str:
    return f"<sup>{','.join(map(escape, marks))}</sup>" if marks else ""
