"""Which columns of a table fit a terminal, and the lines that show them.

A table that is too wide first loses nothing: settings that all rows of a module share and columns with the same text in
every row are said once below, and free text gets lines of its own. Then texts are shortened, names before numbers; then
the least important columns are hidden, which a note says. What is wider still goes on in a block under the first.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import zip_longest
from typing import Literal, NamedTuple

from attnctl.cli.text_width import longest_word, shortened, width, wrapped

# Ours, because rich's Table breaks any cell that is too wide, also ids and numbers, and neither hides columns nor says
# once what all rows share. Widths of texts are rich's.

GAP = 2
"""Blanks between two columns."""

INDENT = "    "
"""Before free text under its row."""

FREE_LINES = 2
"""Lines of one free text under its row, at most; the last one ends in an ellipsis where there is more."""

_WORD = 24
"""A word up to this width is never broken in a column whose words are wrapped."""


@dataclass(frozen=True)
class Column:
    """What may become of a column where the table is too wide. Without any of these its texts are always whole.

    drop: it is hidden, the column with the highest number first; 0: never.
    shrink: texts are shortened with an ellipsis, to this width at least; 0: never.
    wrap: texts are wrapped between words, to this width at least; 0: never.
    once: the text is said once below the table where all rows, but for those without one, have the same.
    settings: texts are a name and settings, `ela kernel=5 groups=c`; those that all rows of the name share go below.
    free: texts go on lines of their own, each under its row.
    short: a shorter form of a text.
    optional: it is left out, in a pipe too, when no row has a text.
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
    """A piece of a line, and what it is."""

    text: str
    role: Role


Line = list[Part]


@dataclass(frozen=True)
class _Field:
    """A column and its texts, row by row."""

    column: Column
    texts: tuple[str, ...]

    @property
    def natural(self) -> int:
        """Wide enough to show everything as it is."""
        return max(width(self.column.name), *map(width, self.texts)) if self.texts else width(self.column.name)

    @property
    def least(self) -> int:
        """As narrow as the column may be."""
        heading = longest_word(self.column.name)
        whole = max(map(width, self.texts), default=0)
        if self.column.shrink:
            return max(heading, min(whole, self.column.shrink))
        if self.column.wrap:
            words = min(_WORD, max(map(longest_word, self.texts), default=0))
            return max(heading, min(whole, max(self.column.wrap, words)))
        return max(heading, whole)


@dataclass(frozen=True)
class _Fitted:
    """fields: the columns of the table. free: those whose texts go under their rows. The rest is said below.

    once: columns with one text for all rows. shared: settings, by the name that they belong to.
    shortened, hidden: names of columns.
    """

    fields: tuple[_Field, ...]
    free: tuple[_Field, ...] = ()
    once: tuple[_Field, ...] = ()
    shared: tuple[str, ...] = ()
    shortened: tuple[str, ...] = ()
    hidden: tuple[str, ...] = ()


@dataclass(frozen=True)
class Layout:
    """The lines of a table. hidden: the names of the columns for which there is no room."""

    lines: list[Line]
    hidden: tuple[str, ...]


def lay_out(columns: Sequence[Column], rows: Sequence[Sequence[str]], cells: int) -> Layout:
    """The table in lines of at most that many cells, at least 1. rows: texts without line breaks.

    The first column tells the rows apart, and always stays.
    """
    texts = zip(*rows, strict=True) if rows else ((),) * len(columns)
    fields = tuple(_Field(column, tuple(column_texts)) for column, column_texts in zip(columns, texts, strict=True))
    fitted = _fit(_Fitted(fields), cells)
    lines: list[Line] = []
    for number, block in enumerate(_blocks(fitted.fields, cells)):
        lines += [[]] if number else []
        lines += _block(block, () if number else fitted.free, cells)
    for note in _notes(fitted, columns):
        lines += [[Part(line, "note")] for line in wrapped(note, cells)]
    return Layout(lines, fitted.hidden)


def filled(columns: Sequence[Column], rows: Sequence[Sequence[str]]) -> tuple[list[Column], list[list[str]]]:
    """The table without the optional columns in which no row has a text."""
    kept = [k for k, column in enumerate(columns) if not column.optional or any(row[k] for row in rows)]
    return [columns[k] for k in kept], [[row[k] for k in kept] for row in rows]


# ------------------------------------------------------------------------------------------------------------- fitting


def _fit(table: _Fitted, cells: int) -> _Fitted:
    """The table changed as little as it takes."""
    for change in _changes(table):
        if _natural(table) <= cells:
            return table
        table = change(table)
    hideable = sorted((field.column for field in table.fields[1:] if field.column.drop), key=lambda item: item.drop)
    while hideable and _least(table.fields) > cells:
        table = _without(table, hideable.pop())
    return table


def _changes(table: _Fitted) -> Iterator[Callable[[_Fitted], _Fitted]]:
    """What is tried, one after the other, until everything fits as it is."""
    yield _share_settings
    constant = [field.column for field in table.fields[1:] if field.column.once and len(set(field.texts) - {""}) == 1]
    for column in sorted(constant, key=lambda item: -item.drop):
        yield functools.partial(_say_once, column=column)
    yield _free_below
    yield _short_forms


def _share_settings(table: _Fitted) -> _Fitted:
    """Say what all rows of one name share once."""
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
    name, *words = text.split(" ")
    return " ".join([name, *(word for word in words if word not in shared[name])])


def _shared(texts: Sequence[str]) -> dict[str, list[str]]:
    """Name -> the settings that all texts of this name have."""
    shared: dict[str, list[str]] = {}
    for text in texts:
        name, *words = text.split(" ")
        settings = [word for word in words if "=" in word]
        shared[name] = [word for word in shared.get(name, settings) if word in settings]
    return shared


def _say_once(table: _Fitted, column: Column) -> _Fitted:
    """Say the text of a column, which is the same in all rows that have one, below."""
    field = next(field for field in table.fields if field.column is column)
    return replace(table, fields=_others(table, column), once=(*table.once, field))


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
    return replace(table, fields=_others(table, column), hidden=(*table.hidden, column.name))


def _others(table: _Fitted, column: Column) -> tuple[_Field, ...]:
    return tuple(field for field in table.fields if field.column is not column)


def _natural(table: _Fitted) -> int:
    return sum(field.natural + GAP for field in table.fields) - GAP


def _least(fields: Sequence[_Field]) -> int:
    return sum(field.least + GAP for field in fields) - GAP


def _blocks(fields: Sequence[_Field], cells: int) -> Iterator[list[tuple[_Field, int]]]:
    """The columns with their widths, in as many blocks as it takes; the first column stands in each, if it can."""
    block: list[_Field] = []
    for field in fields:
        if block and _least([*block, field]) > cells:
            yield _widths(block, cells)
            block = [fields[0]] if _least([fields[0], field]) <= cells else []
        block.append(field)
    yield _widths(block, cells)


def _widths(fields: Sequence[_Field], cells: int) -> list[tuple[_Field, int]]:
    """What room there is goes evenly to the columns that want more."""
    found = [min(field.least, cells) for field in fields]
    slack = cells - sum(found) - GAP * (len(found) - 1)
    while slack > 0 and (wanting := [k for k, field in enumerate(fields) if found[k] < field.natural]):
        share = max(1, slack // len(wanting))
        for k in wanting[:slack]:
            more = min(share, fields[k].natural - found[k])
            found[k] += more
            slack -= more
    return list(zip(fields, found, strict=True))


# --------------------------------------------------------------------------------------------------------------- lines


def _block(fields: Sequence[tuple[_Field, int]], free: Sequence[_Field], cells: int) -> Iterator[Line]:
    """Headings, a rule, and the rows."""
    headings = [wrapped(field.column.name, room) for field, room in fields]
    tallest = max(map(len, headings))
    yield from _beside([[""] * (tallest - len(lines)) + lines for lines in headings], fields, "heading")
    yield [Part("─" * (sum(room + GAP for _, room in fields) - GAP), "rule")]
    for row in range(len(fields[0][0].texts)):
        yield from _beside([_cell(field, field.texts[row], room) for field, room in fields], fields, "cell")
        for field in free:
            if field.texts[row]:
                yield from _free(field, row, cells)


def _cell(field: _Field, text: str, room: int) -> list[str]:
    return [shortened(text, room)] if field.column.shrink else wrapped(text, room)


def _beside(cells: Sequence[Sequence[str]], fields: Sequence[tuple[_Field, int]], role: Role) -> Iterator[Line]:
    """The lines of a row, of cells that have one or more."""
    for texts in zip_longest(*cells, fillvalue=""):
        line: Line = []
        for text, (_, room) in zip(texts, fields, strict=True):
            line += [Part(text, role), Part(" " * (room + GAP - width(text)), "gap")]
        while line and not line[-1].text.strip():
            line.pop()
        yield line


def _free(field: _Field, row: int, cells: int) -> Iterator[Line]:
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
    said = [f"{field.column.name} {max(field.texts)}" for field in once]
    if said:
        rows = len(table.once[0].texts)
        yield ("all rows: " if rows > 1 else "") + ", ".join(said)
    yield from table.shared
    hidden = sorted(table.hidden, key=[column.name for column in columns].index)
    shortened_ones = [name for name in table.shortened if name not in hidden]
    missing = [
        f"{verb}: {', '.join(names)}" for verb, names in (("hidden", hidden), ("shortened", shortened_ones)) if names
    ]
    if missing:
        yield f"{'; '.join(missing)} (use a wider terminal or --json)"
