r"""A table as LaTeX macros, one for each number: a text that uses them always says what the table says."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from attnctl.reports.table import Cell, Group, ReportColumn, ReportTable, Row, all_rows, one_line
from attnctl.reports.tex import PREAMBLE, comment, escape

_SIGNED = re.compile(r"[+-]\d+(\.\d+)?")

_UNITS = ("Zero", "One", "Two", "Three", "Four", "Five", "Six", "Seven", "Eight", "Nine", "Ten", "Eleven", "Twelve")
_TEENS = ("Thirteen", "Fourteen", "Fifteen", "Sixteen", "Seventeen", "Eighteen", "Nineteen")
_TENS = ("Twenty", "Thirty", "Forty", "Fifty", "Sixty", "Seventy", "Eighty", "Ninety")


def render(table: ReportTable) -> str:
    r"""A `\newcommand` for each number, its spread and the ends of its interval; before it, where it stands.

    The name is put together from the table's label, its row and its column, in letters only, such as
    \eanTwoResnetFiftySeTopOne. Where rows of several groups share a text, the group stands before it.
    """
    out = [comment(one_line(table.title) or "a table"), PREAMBLE]
    for number in _distinct(list(_numbers(table))):
        out += [comment(number.place), rf"\newcommand{{\{number.name}}}{{{number.shown}}}"]
    return "\n".join(out) + "\n"


@dataclass(frozen=True)
class _Number:
    names: tuple[str, ...]
    """From the shortest; the first that no other number has is taken."""
    place: str
    shown: str

    @property
    def name(self) -> str:
        return self.names[0]


def _numbers(table: ReportTable) -> Iterator[_Number]:
    prefix = letters(re.sub(r"^tab(le)?\W+", "", table.label)) or "Table"
    for group, row in all_rows(table):
        for cell, column in zip(row.cells, table.columns, strict=True):
            for part, text in _parts(cell, column):
                yield _number(prefix, group, row, column, part, text)


def _number(prefix: str, group: Group, row: Row, column: ReportColumn, part: str, text: str) -> _Number:
    start = prefix[:1].lower() + prefix[1:]
    if start.startswith("end"):  # LaTeX keeps these names for itself
        start = "the" + prefix
    own = letters(" ".join(row.header)) + letters(column.name) + part
    place = [group.title, *row.header, column.full_heading, part.lower()]
    return _Number((start + own, start + letters(group.title) + own), ", ".join(filter(None, place)), text)


def _parts(cell: Cell, column: ReportColumn) -> Iterator[tuple[str, str]]:
    """The numbers of a cell, each with the word that its name ends with."""
    number = column.show_number(cell)
    if any(char.isdecimal() for char in number):
        yield "", _signed(number) if _SIGNED.fullmatch(number) else escape(number)
    if cell.spread is not None:
        yield "Spread", column.show_spread(cell)
    if cell.interval is not None:
        for word, end in zip(("Low", "High"), cell.interval, strict=True):
            yield word, _signed(column.show(end))
    if cell.n and column.measured:
        yield "Seeds", str(cell.n)


def _signed(number: str) -> str:
    """A number whose minus is one, also in running text."""
    return rf"\ensuremath{{{number}}}"


def _distinct(numbers: Sequence[_Number]) -> Iterator[_Number]:
    """Each with a name of its own: with its group where the short one is not, then with a letter."""
    short = Counter(number.names[0] for number in numbers)
    chosen = [number.names[short[number.names[0]] > 1] for number in numbers]
    taken: set[str] = set()
    for number, name in zip(numbers, chosen, strict=True):
        free, count = name, 1
        while free in taken or (free != name and free in chosen):
            free, count = name + _letter(count), count + 1
        taken.add(free)
        yield _Number((free,), number.place, number.shown)


def _letter(number: int) -> str:
    """1 -> B, 2 -> C ... 26 -> BA."""
    rest, last = divmod(number, 26)
    return (_letter(rest) if rest else "") + chr(ord("A") + last)


def letters(text: str) -> str:
    """A text as words of letters without blanks between: `ResNet-50 + SE` -> `ResnetFiftySe`.

    ResNet50 is one word and a number: capitals inside a word are made small, accents left out.
    """
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    parts = [part for word in re.findall(r"[A-Za-z]+|\d+", plain) for part in _spelled(word)]
    return "".join(part.capitalize() for part in parts)


def _spelled(word: str) -> list[str]:
    """A number up to a hundred in words, a longer one digit by digit; a word as it is."""
    if not word.isdecimal():
        return [word]
    if word == "100":
        return ["Hundred"]
    if word[0] == "0" or int(word) > 99:
        return [_UNITS[int(digit)] for digit in word]
    tens, unit = divmod(int(word), 10)
    if int(word) < 20:
        return [(*_UNITS, *_TEENS)[int(word)]]
    return [_TENS[tens - 2], *([_UNITS[unit]] if unit else [])]
