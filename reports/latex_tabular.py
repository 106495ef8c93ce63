r"""The rows and columns of a table as LaTeX's tabular, for booktabs and siunitx.

siunitx aligns what is nothing but a number. Bold and underlined numbers, spreads, intervals and marks are set in
braces, padded to the width of the widest cell of the column, because siunitx 2 and 3 set them differently.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from attnctl.reports.table import Cell, Footnote, Group, ReportColumn, ReportTable, all_rows, one_line, spans, texts
from attnctl.reports.tex import escape, subscripted

PLUS_MINUS = r" \pm "

_NUMBER = re.compile(r"([+-]?)(\d+)((?:\.\d+)?)")


def tabular(table: ReportTable, said: States, *, cite: bool = False) -> Iterator[str]:
    """The lines of the tabular. said: what is still missing behind its numbers. cite: with the rows' citations."""
    rows = [row for _, row in all_rows(table)]
    layouts = [_Layout.of(column, [row.cells[place] for row in rows]) for place, column in enumerate(table.columns)]
    kinds = "l" * len(table.headers) + "".join(layout.kind for layout in layouts)
    yield rf"\begin{{tabular}}{{{kinds}}}"
    yield r"\toprule"
    yield from _headings(table)
    for group in table.groups:
        yield from _group(group, table, layouts, said, cite=cite)
    yield r"\bottomrule"
    yield r"\end{tabular}%"


def _headings(table: ReportTable) -> Iterator[str]:
    """The headings that span columns, a rule under each, and the columns' own."""
    over, rules, at = [""] * len(table.headers), [], len(table.headers) + 1
    for span in spans(table.columns):
        wide = len(span.columns)
        over.append(rf"\multicolumn{{{wide}}}{{c}}{{{_heading(span.title)}}}")
        if span.title:
            rules.append(rf"\cmidrule(lr){{{at}-{at + wide - 1}}}")
        at += wide
    if rules:
        yield _line(over)
        yield "".join(rules)
    yield _line([*map(_cell_text, table.headers), *(f"{{{_heading(column.heading)}}}" for column in table.columns)])


def _heading(text: str) -> str:
    """A column's heading; AP50 has its threshold as a subscript, as in papers."""
    return subscripted(escape(text))


def _group(group: Group, table: ReportTable, layouts: Sequence[_Layout], said: States, *, cite: bool) -> Iterator[str]:
    yield r"\midrule"
    if one_line(group.title):
        width = len(table.headers) + len(table.columns)
        yield rf"\multicolumn{{{width}}}{{l}}{{\emph{{{escape(group.title)}}}}} \\"
    for row in group.rows:
        states = [state for _, state in texts(row, table.columns, "")]
        words = list(map(_cell_text, row.header))
        words[0] += rf"~\cite{{{citation(row.cite)}}}" if cite and row.cite else ""
        words[-1] += superscript(row.marks)
        cells = [
            layout.cell(cell, state, said.mark(cell, layout.column))
            for layout, cell, state in zip(layouts, row.cells, states, strict=True)
        ]
        yield _line([*words, *cells])


def _line(cells: Sequence[str]) -> str:
    # What begins a row must not be read as the star of the \\ before it.
    return " & ".join(cells) + r" \\"


def _cell_text(text: str) -> str:
    shown = escape(text)
    return f"{{{shown}}}" if shown.startswith("*") else shown


def citation(key: str) -> str:
    r"""A key of a bibliography, or several with commas: what \cite takes as it is."""
    return re.sub(r"[^\w:.+/,-]", "", key, flags=re.ASCII)


def superscript(marks: Sequence[str]) -> str:
    """Marks beside a text or a number; empty without any."""
    return rf"\textsuperscript{{{','.join(map(escape, marks))}}}" if marks else ""


# --------------------------------------------------------------------------------------------------------------- cells


@dataclass(frozen=True)
class States:
    """What is still missing behind a number, as footnotes: beside the number it would make the column wide."""

    marks: Mapping[str, str]

    @classmethod
    def of(cls, table: ReportTable) -> States:
        """Numbered in the order in which they appear."""
        found = dict.fromkeys(
            state for _, row in all_rows(table) for number, state in texts(row, table.columns, "") if number and state
        )
        return cls({state: str(number) for number, state in enumerate(found, 1)})

    @property
    def footnotes(self) -> list[Footnote]:
        """One for each state."""
        return [Footnote(mark=mark, text=state) for state, mark in self.marks.items()]

    def mark(self, cell: Cell, column: ReportColumn) -> tuple[str, ...]:
        """The mark of a cell that has both a number and a state."""
        mark = self.marks.get(cell.state) if column.show_number(cell) else None
        return (mark,) if mark else ()


@dataclass(frozen=True, kw_only=True)
class _Layout:
    """What the widest number of a column has: its sign, digits, decimals, spread, interval."""

    column: ReportColumn
    sign: str = ""
    digits: int = 0
    """Before the point; 0: the column has no number."""
    decimals: str = ""
    """With the point."""
    spread: str = ""
    interval: str = ""
    marks: str = ""
    plain: bool = True
    """Nothing but numbers, so that siunitx aligns them."""

    @classmethod
    def of(cls, column: ReportColumn, cells: Sequence[Cell]) -> _Layout:
        """What the cells of a column have."""
        found = [match for cell in cells if (match := _NUMBER.fullmatch(column.show_number(cell)))]
        signs = {match[1] for match in found} - {""}
        spread = max((column.show_beside(cell, PLUS_MINUS) for cell in cells), key=len, default="")
        interval = max(map(column.show_interval, cells), key=len, default="")
        marks = max((_together(cell) for cell in cells if column.show_number(cell)), key=len, default="")
        return cls(
            column=column,
            sign="+" if "+" in signs else "-" if signs else "",
            digits=max((len(match[2]) for match in found), default=0),
            decimals=max((match[3] for match in found), key=len, default=""),
            spread=spread,
            interval=interval,
            marks=marks,
            plain=not (spread or interval or marks),
        )

    @property
    def kind(self) -> str:
        """The column's letter, or its S with the format of the numbers."""
        if not self.digits:
            return "c"
        return f"S[table-format={self.sign}{self.digits}.{max(len(self.decimals) - 1, 0)}]"

    def cell(self, cell: Cell, state: str, said: tuple[str, ...]) -> str:
        """A cell; said: the mark of its state, where it has a number too."""
        number = self.column.show_number(cell)
        marks = superscript((*cell.marks, *said))
        match = _NUMBER.fullmatch(number)
        if match is None:
            return self._words(cell, number or state, marks)
        if self.plain and not (cell.best or cell.second):
            return number
        beside = rf"\rlap{{{marks}}}" if marks else ""
        return f"{{${self._left(match)}{self._number(cell, match)}${beside}{self._right(cell, match)}}}"

    def _words(self, cell: Cell, words: str, marks: str) -> str:
        style = r"\bfseries " if cell.best else ""
        shown = rf"\underline{{{escape(words)}}}" if cell.second and words else escape(words)
        return f"{{{style}{shown}{marks}}}" if words or marks else "{}"

    def _left(self, match: re.Match[str]) -> str:
        missing = (self.sign if not match[1] else "") + "0" * (self.digits - len(match[2]))
        return rf"\phantom{{{missing}}}" if missing else ""

    def _number(self, cell: Cell, match: re.Match[str]) -> str:
        own, interval = self.column.show_beside(cell, PLUS_MINUS), self.column.show_interval(cell)
        signed = f"{{{match[0]}}}" if match[1] else match[0]  # a sign after something would be an operation
        number = signed + own
        shown = rf"\mathbf{{{number}}}" if cell.best else rf"\underline{{{number}}}" if cell.second else number
        return shown + (rf"\ {interval}" if interval else "")

    def _right(self, cell: Cell, match: re.Match[str]) -> str:
        """Blanks for what the widest cell has more; the room for marks is everyone's, as marks take none."""
        own, interval = self.column.show_beside(cell, PLUS_MINUS), self.column.show_interval(cell)
        missing = self.decimals[len(match[3]) :]
        if self.spread:
            missing += "0" * (len(self.spread) - len(own)) if own else f"{{}}{self.spread.lstrip()}"
        if self.interval:
            missing += "0" * (len(self.interval) - len(interval)) if interval else rf"\ {self.interval}"
        room = superscript((self.marks,)) if len(self.marks) > 1 else ""
        return (rf"$\phantom{{{missing}}}$" if missing else "") + (rf"\phantom{{{room}}}" if room else "")


def _together(cell: Cell) -> str:
    """The marks of a cell that has a number, as wide as they are shown."""
    return ",".join([*cell.marks, *(["1"] if cell.state else [])])
