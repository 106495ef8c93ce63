"""Fitting tables to the width of a terminal.

If a table is too wide, steps without loss come first: settings that all rows of a module share, and columns with the
same text in every row, move to a note below, and free text moves to its own lines. Then texts are shortened, names
before numbers. Then the least important columns are hidden, as a note says. Other columns continue in a block below.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import zip_longest
from typing import Literal, NamedTuple

from attnctl.cli.text_width import longest_word, shortened, width, wrapped

# Our own, because rich's Table breaks any cell that is too wide, even ids and numbers, and neither hides columns nor
# moves common values to a note. Text widths come from rich.

GAP = 2
"""Blanks between two columns."""

INDENT = "    "
"""The indent of free text under its row."""

FREE_LINES = 2
"""The maximum number of lines of a free text; a longer text ends in an ellipsis."""

_WORD = 24
"""Words up to this width are never broken in a wrapped column."""


@dataclass(frozen=True)
class Column:
    """A column of a terminal table, and how it may change if the table is too wide. By default it is shown in full.

    drop: hide it; the column with the highest number first. 0: never
    shrink: shorten texts with an ellipsis, to this width or more. 0: never
    wrap: wrap texts between words, to this width or more. 0: never
    once: show the text once below the table if it is the same in all rows that have one
    settings: texts are a name with settings, `ela kernel=5 groups=c`; settings that all rows of a name share move below
    free: show each text on lines of its own under its row
    short: returns a shorter form of a text
    optional: leave it out, also in a pipe, if no row has a text
    """

    name: str
    drop: int = 0
    shrink: int = 0
    wrap: int = 0
    once: bool = False
    settings: bool = False
    free: bool = False
    short: Callable[[str], str] | None = None
    optional: bool = False


Role = Literal["heading", "rule", "cell", "gap", "note"]


class Part(NamedTuple):
    """A piece of a line and its role."""

    text: str
    role: Role


Line = list[Part]


@dataclass(frozen=True)
class _Field:
    """A column and its text in each row."""

    column: Column
    texts: tuple[str, ...]

    @property
    def natural(self) -> int:
        """The width that shows all texts unchanged."""
        return max(width(self.column.name), *map(width, self.texts)) if self.texts else width(self.column.name)

    @property
    def least(self) -> int:
        """The minimum width."""
        heading = longest_word(self.column.name)
        longest = max(map(width, self.texts), default=0)
        if self.column.shrink:
            return max(heading, min(longest, self.column.shrink))
        if self.column.wrap:
            word = min(_WORD, max(map(longest_word, self.texts), default=0))
            return max(heading, min(longest, max(self.column.wrap, word)))
        return max(heading, longest)


@dataclass(frozen=True)
class _Fitted:
    """A table after some changes.

    fields: the columns of the table. free: columns shown under the rows. once: columns shown once below.
    shared: notes on settings, such as `ela: groups=c`. shortened, hidden: names of columns
    """

    fields: tuple[_Field, ...]
    free: tuple[_Field, ...] = ()
    once: tuple[_Field, ...] = ()
    shared: tuple[str, ...] = ()
    shortened: tuple[str, ...] = ()
    hidden: tuple[str, ...] = ()


@dataclass(frozen=True)
class Layout:
    """The lines of a table. hidden: names of the hidden columns."""

    lines: list[Line]
    hidden: tuple[str, ...]


def lay_out(columns: Sequence[Column], rows: Sequence[Sequence[str]], cells: int) -> Layout:
    """Lay out a table. rows: texts without line breaks. cells: maximum width of a line, at least 1.

    The first column identifies the rows and is never hidden.
    """
    texts = zip(*rows, strict=True) if rows else ((),) * len(columns)
    fields = tuple(_Field(column, tuple(column_texts)) for column, column_texts in zip(columns, texts, strict=True))
    fitted = _fit_to_width(_Fitted(fields), cells)
    lines: list[Line] = []
    for number, block in enumerate(_blocks(fitted.fields, cells)):
        lines += [[]] if number else []
        lines += _block(block, () if number else fitted.free, cells)
    for note in _notes(fitted, columns):
        lines += [[Part(line, "note")] for line in wrapped(note, cells)]
    return Layout(lines, fitted.hidden)


def filled(columns: Sequence[Column], rows: Sequence[Sequence[str]]) -> tuple[list[Column], list[list[str]]]:
    """The table without the optional columns that are empty in all rows."""
    shown = [k for k, column in enumerate(columns) if not column.optional or any(row[k] for row in rows)]
    if len(shown) == len(columns):
        return list(columns), [list(row) for row in rows]
    return [columns[k] for k in shown], [[row[k] for k in shown] for row in rows]


# ------------------------------------------------------------------------------------------------------------- fitting


def _fit_to_width(table: _Fitted, cells: int) -> _Fitted:
    """Change the table as little as possible so that it fits."""
    for change in _changes(table):
        if _natural_width(table) <= cells:
            return table
        table = change(table)
    hideable = sorted((field.column for field in table.fields[1:] if field.column.drop), key=lambda item: item.drop)
    while hideable and _least_width(table.fields) > cells:
        table = _without(table, hideable.pop())
    return table


def _changes(table: _Fitted) -> Iterator[Callable[[_Fitted], _Fitted]]:
    """The changes without loss and the short forms, in the order in which they are tried."""
    yield _share_settings
    constant = [field.column for field in table.fields[1:] if field.column.once and len(set(field.texts) - {""}) == 1]
    for column in sorted(constant, key=lambda item: -item.drop):
        yield functools.partial(_say_once, column=column)
    yield _free_below
    yield _short_forms


def _share_settings(table: _Fitted) -> _Fitted:
    """Move the settings that all rows of a name share to a note."""
    fields, notes = [], list(table.shared)
    for field in table.fields:
        if field.column.settings:
            shared = _shared(field.texts)
            texts = tuple(_own_settings(text, shared) for text in field.texts)
            notes += [f"{name}: {' '.join(settings)}" for name, settings in shared.items() if settings]
            field = replace(field, texts=texts)
        fields.append(field)
    return replace(table, fields=tuple(fields), shared=tuple(notes))


def _own_settings(text: str, shared: Mapping[str, Sequence[str]]) -> str:
    name, *settings = text.split(" ")
    return " ".join([name, *(setting for setting in settings if setting not in shared[name])])


def _shared(texts: Sequence[str]) -> dict[str, list[str]]:
    """Name -> the settings that all texts of this name have."""
    shared: dict[str, list[str]] = {}
    for text in texts:
        name, *values = text.split(" ")
        settings = [value for value in values if "=" in value]
        shared[name] = [value for value in shared.get(name, settings) if value in settings]
    return shared


def _say_once(table: _Fitted, column: Column) -> _Fitted:
    """Move a column whose text is the same in all rows to a note."""
    field = next(field for field in table.fields if field.column is column)
    return replace(table, fields=_remaining(table, column), once=(*table.once, field))


def _free_below(table: _Fitted) -> _Fitted:
    first, *others = table.fields
    free = tuple(field for field in others if field.column.free)
    return replace(table, fields=(first, *(field for field in others if not field.column.free)), free=free)


def _short_forms(table: _Fitted) -> _Fitted:
    fields = tuple(
        replace(field, texts=tuple(map(field.column.short, field.texts))) if field.column.short else field
        for field in table.fields
    )
    changed = [new.column.name for new, old in zip(fields, table.fields, strict=True) if new.texts != old.texts]
    return replace(table, fields=fields, shortened=tuple(changed))


def _without(table: _Fitted, column: Column) -> _Fitted:
    return replace(table, fields=_remaining(table, column), hidden=(*table.hidden, column.name))


def _remaining(table: _Fitted, column: Column) -> tuple[_Field, ...]:
    return tuple(field for field in table.fields if field.column is not column)


def _natural_width(table: _Fitted) -> int:
    return sum(field.natural + GAP for field in table.fields) - GAP


def _least_width(fields: Sequence[_Field]) -> int:
    return sum(field.least + GAP for field in fields) - GAP


def _blocks(fields: Sequence[_Field], cells: int) -> Iterator[list[tuple[_Field, int]]]:
    """The columns with their widths, in as many blocks as needed; each repeats the first column if there is room."""
    block: list[_Field] = []
    for field in fields:
        if block and _least_width([*block, field]) > cells:
            yield _widths(block, cells)
            block = [fields[0]] if _least_width([fields[0], field]) <= cells else []
        block.append(field)
    yield _widths(block, cells)


def _widths(fields: Sequence[_Field], cells: int) -> list[tuple[_Field, int]]:
    """The widths of the columns: the minimum, and an equal share of the remaining room where more is useful."""
    widths = [min(field.least, cells) for field in fields]
    slack = cells - sum(widths) - GAP * (len(widths) - 1)
    while slack > 0 and (wanting := [k for k, field in enumerate(fields) if widths[k] < field.natural]):
        share = max(1, slack // len(wanting))
        for k in wanting[:slack]:
            extra = min(share, fields[k].natural - widths[k])
            widths[k] += extra
            slack -= extra
    return list(zip(fields, widths, strict=True))


# --------------------------------------------------------------------------------------------------------------- lines


def _block(fields: Sequence[tuple[_Field, int]], free: Sequence[_Field], cells: int) -> Iterator[Line]:
    """Headings, a rule, and the rows."""
    headings = [wrapped(field.column.name, room) for field, room in fields]
    tallest = max(map(len, headings))
    yield from _row_lines([[""] * (tallest - len(lines)) + lines for lines in headings], fields, "heading")
    yield [Part("─" * (sum(room + GAP for _, room in fields) - GAP), "rule")]
    for row in range(len(fields[0][0].texts)):
        yield from _row_lines([_cell(field, field.texts[row], room) for field, room in fields], fields, "cell")
        for field in free:
            if field.texts[row]:
                yield from _free_text(field, row, cells)


def _cell(field: _Field, text: str, room: int) -> list[str]:
    return [shortened(text, room)] if field.column.shrink else wrapped(text, room)


def _row_lines(cells: Sequence[Sequence[str]], fields: Sequence[tuple[_Field, int]], role: Role) -> Iterator[Line]:
    """The lines of a row. cells: the lines of each cell."""
    for texts in zip_longest(*cells, fillvalue=""):
        line: Line = []
        for text, (_, room) in zip(texts, fields, strict=True):
            line += [Part(text, role), Part(" " * (room + GAP - width(text)), "gap")]
        while line and not line[-1].text.strip():
            line.pop()
        yield line


def _free_text(field: _Field, row: int, cells: int) -> Iterator[Line]:
    """A free text under its row."""
    indent = INDENT if cells > len(INDENT) else ""
    room = cells - len(indent)
    lines = wrapped(f"{field.column.name}: {field.texts[row]}", room)
    if len(lines) > FREE_LINES:
        lines = [*lines[: FREE_LINES - 1], shortened(" ".join(lines[FREE_LINES - 1 :]), room)]
    for line in lines:
        yield [Part(indent + line, "note")]


def _notes(table: _Fitted, columns: Sequence[Column]) -> Iterator[str]:
    """The lines below the table."""
    once = sorted(table.once, key=lambda field: columns.index(field.column))
    shared_texts = [f"{field.column.name} {max(field.texts)}" for field in once]
    if shared_texts:
        rows = len(table.once[0].texts)
        yield ("all rows: " if rows > 1 else "") + ", ".join(shared_texts)
    yield from table.shared
    hidden = sorted(table.hidden, key=[column.name for column in columns].index)
    shortened_ones = [name for name in table.shortened if name not in hidden]
    changes = [
        f"{verb}: {', '.join(names)}" for verb, names in (("hidden", hidden), ("shortened", shortened_ones)) if names
    ]
    if changes:
        yield f"{'; '.join(changes)} (use a wider terminal or --json)"
