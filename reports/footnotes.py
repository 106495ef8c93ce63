"""Footnotes: while a table is built its marks are the notes' own texts; at the end these become letters, in order."""

from __future__ import annotations

import string
from collections.abc import Iterator, Mapping
from dataclasses import replace
from types import MappingProxyType

from attnctl.reports.table import Footnote, ReportTable, Row, all_rows
from attnctl.spec import Start
from attnctl.values import comma_join


def lettered(table: ReportTable, symbols: Mapping[str, str] = MappingProxyType({})) -> ReportTable:
    """The table with a, b, c ... for the texts in its marks, in the order of reading; equal texts share a letter.

    symbols: the marks of texts that have one of their own, such as *
    """
    texts: dict[str, str] = {}
    letters = _letters()
    for _, row in all_rows(table):
        for text in (*row.marks, *(text for cell in row.cells for text in cell.marks)):
            if text not in texts:
                texts[text] = symbols.get(text) or next(letters)

    def with_letters(row: Row) -> Row:
        cells = [replace(cell, marks=_marks(cell.marks, texts)) if cell.marks else cell for cell in row.cells]
        return replace(row, marks=_marks(row.marks, texts), cells=tuple(cells))

    return replace(
        table,
        groups=tuple(replace(group, rows=tuple(map(with_letters, group.rows))) for group in table.groups),
        footnotes=tuple(
            Footnote(mark=mark, text=text) for text, mark in sorted(texts.items(), key=lambda item: _order(item[1]))
        ),
    )


def _marks(found: tuple[str, ...], texts: dict[str, str]) -> tuple[str, ...]:
    return tuple(sorted({texts[text] for text in found}, key=_order))


def _order(mark: str) -> tuple[bool, int, str]:
    """Symbols before letters."""
    return mark.isalpha(), len(mark), mark


def _letters() -> Iterator[str]:
    """a ... z, aa, ab ..."""
    names = [""]
    while True:
        names = [name + letter for name in names for letter in string.ascii_lowercase]
        yield from names


def partial_loads(starts: Mapping[str, str]) -> Iterator[str]:
    """A note on the rows whose initial weights fit only partly. starts: name of a row -> `RunSpec.init`."""
    names = [name for name, init in starts.items() if Start.of(init).partial]
    if names:
        yield f"Started from weights that fit only partly (--init-partial): {comma_join(names)}."
