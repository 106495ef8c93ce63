"""A table for a terminal, by rich; and the same as plain text, for pipes and files.

A table that is too wide has its headings folded first, then its words; what is wider still goes on in a second block
under the first. A number is never broken.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby, zip_longest

from rich.console import Console, ConsoleOptions, RenderResult
from rich.text import Text

from attnctl.reports.table import Cell, ReportColumn, ReportTable, Row, Span, all_rows, one_line, spans, texts

# Ours, because rich's Table breaks any cell that is too wide, also a number, and does not continue a table in a second
# block. Widths, colours and the terminal itself are rich's.

PLAIN_WIDTH = 100_000
"""Columns of plain text: wider than any table, so that nothing is folded."""

GAP = 2
"""Blanks between two columns."""

SUPERSCRIPT = str.maketrans("0123456789abcdefghijklmnoprstuvwxyz*†", "⁰¹²³⁴⁵⁶⁷⁸⁹ᵃᵇᶜᵈᵉᶠᵍʰⁱʲᵏˡᵐⁿᵒᵖʳˢᵗᵘᵛʷˣʸᶻ*†")


def renderable(table: ReportTable) -> Shown:
    """The table for a rich console. Texts of users are never read as markup."""
    return Shown(table)


def render(table: ReportTable) -> str:
    """The table as plain text: no colours, no rules, no line folded."""
    title, blocks, notes = _parts(table, PLAIN_WIDTH, rules=False)
    return "".join(line.plain.rstrip() + "\n" for line in (*title, *blocks, *notes))


@dataclass(frozen=True)
class Shown:
    """A table that fits itself to the console's width."""

    table: ReportTable

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Title, blocks, notes and footnotes."""
        title, blocks, notes = _parts(self.table, options.max_width, rules=True)
        yield from title
        yield Text("\n", no_wrap=True, overflow="ignore").join(blocks)
        yield from notes


def _parts(table: ReportTable, width: int, *, rules: bool) -> tuple[list[Text], list[Text], list[Text]]:
    """The title, the lines of the blocks, and what stands under them. rules: under the headings."""
    head, fields = _fields(table)
    head = _narrowed(head, width - max((field.least + GAP for field in fields), default=0))
    room = width - sum(field.width + GAP for field in head)
    lines: list[Text] = []
    for block in _blocks(fields, room):
        lines += [*([Text()] if lines else []), *_block(table, [*head, *_filled(block, room)], rules=rules)]
    notes = [_text(note, "dim") for note in table.notes]
    notes += [_text(f"{_marks((note.mark,))} {note.text}", "dim") for note in table.footnotes]
    title = [_text(table.title, "bold")] if one_line(table.title) else []
    return title, lines, [*([Text()] if notes else []), *notes]


_LEAST_HEAD = 20


def _narrowed(head: Sequence[_Field], room: int) -> list[_Field]:
    """The columns of the rows' texts, the widest folded if they leave no room for any number."""
    excess = sum(field.width + GAP for field in head) - room
    if excess <= 0:
        return list(head)
    widest = max(head, key=lambda field: field.width)
    folded = replace(widest, width=min(widest.width, max(_LEAST_HEAD, widest.width - excess)))
    return [folded if field is widest else field for field in head]


def _block(table: ReportTable, fields: Sequence[_Field], *, rules: bool) -> Iterator[Text]:
    """Headings over the rows, those of a group under its title."""
    if any(field.column and field.column.span for field in fields):
        yield _span_line(fields)
    yield from _beside([field.heading() for field in fields], fields)
    if rules:
        yield from _beside([[Text("─" * field.width, style="dim")] for field in fields], fields)
    position = 0
    for number, group in enumerate(table.groups):
        if number:
            yield Text()
        if one_line(group.title):
            yield _text(group.title, "italic")
        for _ in group.rows:
            yield from _beside([field.cell(position) for field in fields], fields)
            position += 1


def _beside(cells: Sequence[Sequence[Text]], fields: Sequence[_Field]) -> Iterator[Text]:
    """The lines of a row, of cells that have one or more."""
    for lines in zip_longest(*cells, fillvalue=Text()):
        row = Text()
        for text, field in zip(lines, fields, strict=True):
            row.append_text(text).append(" " * (field.width + GAP - text.cell_len))
        yield row


@dataclass(frozen=True, kw_only=True)
class _Field:
    """A column on the screen: its texts, and how wide it is.

    block: the width of numbers with their marks, and of the heading where there is room; beside it stand the states.
    """

    title: str
    numbers: tuple[Text, ...]
    states: tuple[Text, ...]
    least: int
    """The narrowest that breaks no number and no word."""
    natural: int
    """Wide enough to fold nothing."""
    width: int
    block: int = 0
    column: ReportColumn | None = None
    """None: the texts of rows."""

    @property
    def left(self) -> bool:
        return self.column is None or self.column.kind == "words"

    def heading(self) -> list[Text]:
        return self._placed(_text(self.title, "bold"), Text())

    def cell(self, row: int) -> list[Text]:
        return self._placed(self.numbers[row], self.states[row])

    def _placed(self, number: Text, state: Text) -> list[Text]:
        """Numbers end where the block ends, a state follows; in a column that is too narrow for both, in a new line."""
        if self.left or self.width < self.natural:
            lines = [line for part in (number, state) for line in _wrapped(part, self.width)]
            return lines if self.left else [_right(line, self.width) for line in lines]
        first, rest = (number, state) if number else (state, Text())
        placed = _right(first, self.block)
        return [placed.append(" ").append_text(rest) if rest else placed]


def _fields(table: ReportTable) -> tuple[list[_Field], list[_Field]]:
    """The columns of the rows' texts, and those of the cells."""
    rows = [row for _, row in all_rows(table)]
    heads = []
    for place, title in enumerate(table.headers):
        words = tuple(
            _header(row, place, indented=any(one_line(group.title) for group in table.groups)) for row in rows
        )
        width = max([_text(title).cell_len, *(text.cell_len for text in words)])
        heads.append(
            _Field(
                title=title,
                numbers=words,
                states=(Text(),) * len(rows),
                least=width,
                natural=width,
                width=width,
            )
        )
    parts = [texts(row, table.columns, " ± ") for row in rows]
    fields = [
        _field(column, [row.cells[place] for row in rows], [part[place] for part in parts])
        for place, column in enumerate(table.columns)
    ]
    return heads, _under_spans(fields, spans(table.columns))


def _under_spans(fields: Sequence[_Field], over: Sequence[Span]) -> list[_Field]:
    """The columns, the last of each span as wide as its heading needs."""
    made: list[_Field] = []
    for span in over:
        *others, last = fields[len(made) : len(made) + len(span.columns)]
        need = _text(span.title).cell_len - _least(others)
        least = max(last.least, need)
        made += [*others, replace(last, least=least, natural=max(last.natural, least), width=least)]
    return made


def _header(row: Row, place: int, *, indented: bool) -> Text:
    indent = "  " if indented and not place else ""
    marks = _marks(row.marks) if place == len(row.header) - 1 else ""
    return _text(indent + row.header[place] + marks)


def _field(column: ReportColumn, cells: Sequence[Cell], parts: Sequence[tuple[str, str]]) -> _Field:
    marked = max((len(_marks(cell.marks)) for cell in cells), default=0)
    numbers, states = [], []
    for cell, (number, state) in zip(cells, parts, strict=True):
        text = _text(number, "bold" if cell.best else "underline" if cell.second else "")
        if number or not cell.marks:
            text.append(_marks(cell.marks).ljust(marked) if number and column.kind == "number" else _marks(cell.marks))
        numbers.append(text)
        said = f"({state})" if number and state else state
        states.append(_text(said + ("" if number else _marks(cell.marks)), "yellow"))
    heading = _text(column.heading).cell_len
    block = max([heading, *(text.cell_len for text in numbers)])
    natural = max([block, *(_unfolded(block, number, state) for number, state in zip(numbers, states, strict=True))])
    folded = [_longest_word(_text(column.heading)), *map(_longest_word, states)]
    whole = [_longest_word(text) if column.kind == "words" else text.cell_len for text in numbers]
    least = max([*folded, *whole])
    return _Field(
        title=column.heading,
        numbers=tuple(numbers),
        states=tuple(states),
        least=least,
        natural=natural,
        width=least,
        block=block,
        column=column,
    )


def _wrapped(text: Text, width: int) -> list[Text]:
    """A text in lines of at most that width; one that fits stays as it is."""
    if text.cell_len <= width:
        return [text] if text else []
    return [Text(line, style=text.style) for line in textwrap.wrap(text.plain, width)]


def _right(text: Text, width: int) -> Text:
    return Text(" " * (width - text.cell_len)).append_text(text)


def _unfolded(block: int, number: Text, state: Text) -> int:
    """How wide a cell is when nothing is folded."""
    return block + 1 + state.cell_len if number and state else state.cell_len


def _longest_word(text: Text) -> int:
    return max((word.cell_len for word in text.split(" ")), default=0)


def _blocks(fields: Sequence[_Field], room: int) -> Iterator[list[_Field]]:
    """The columns in as many blocks as it takes; columns of one span stay together where they fit."""
    block: list[_Field] = []
    used = 0
    for _, together in groupby(enumerate(fields), lambda item: (item[1].column and item[1].column.span) or item[0]):
        members = [field for _, field in together]
        if block and used + _least(members) > room >= _least(members):
            yield block
            block, used = [], 0
        for field in members:
            if block and used + _least([field]) > room:
                yield block
                block, used = [], 0
            block.append(field)
            used += _least([field])
    yield block


def _least(fields: Sequence[_Field]) -> int:
    return sum(field.least + GAP for field in fields)


def _filled(fields: Sequence[_Field], room: int) -> list[_Field]:
    """The columns as wide as the room allows, from the left."""
    slack = room - _least(fields) + GAP
    filled = []
    for field in fields:
        more = field.natural - field.least if field.natural - field.least <= slack else 0
        slack -= more
        filled.append(replace(field, width=field.least + more))
    return filled


def _span_line(fields: Sequence[_Field]) -> Text:
    """The headings over neighbouring columns, each between two rules that reach over all of them."""
    line = Text(style="bold")
    line.append(" " * sum(field.width + GAP for field in fields if field.column is None))
    widths = (field.width for field in fields if field.column)
    for span in spans([field.column for field in fields if field.column]):
        width = sum(next(widths) + GAP for _ in span.columns) - GAP
        line.append(_centred(span, width) + " " * GAP)
    line.rstrip()
    return line


def _centred(span: Span, width: int) -> str:
    text = _text(span.title)
    if not text.plain:
        return " " * width
    text.truncate(width, overflow="ellipsis")
    spare = width - text.cell_len - 2
    if spare < 2:
        return text.plain + " " * (width - text.cell_len)
    return "─" * (spare // 2) + f" {text.plain} " + "─" * (spare - spare // 2)


def _marks(marks: Sequence[str]) -> str:
    """Footnote marks as superscripts; those that have none in Unicode in brackets."""
    return ",".join(
        mark.translate(SUPERSCRIPT) if all(ord(char) in SUPERSCRIPT for char in mark) else f"[{mark}]" for mark in marks
    )


def _text(words: str, style: str = "") -> Text:
    """A user's text, never read as markup; what could break a line or steer a terminal is made visible."""
    if not words.isprintable():
        words = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in words)
    return Text(words, style=style)
