r"""A table as LaTeX for a paper: booktabs and siunitx, to be taken in by `\input`; notes and footnotes stand under it.

The document decides the size: the largest of \normalsize, \small and \footnotesize with which the table fits. A table
that is wider than a column of a two-column paper is a table*; one that is wider than a page goes on in further parts.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from attnctl.reports.latex_tabular import States, superscript, tabular
from attnctl.reports.page_blocks import COLUMN, characters, parted
from attnctl.reports.table import Footnote, ReportTable, all_rows, marks_of, one_line
from attnctl.reports.tex import PREAMBLE, comment, escape, running

PACKAGES = ("booktabs", "graphicx", "siunitx")

THREE_PARTS = "threeparttable"

LONG_NOTES = 1500
"""Characters of notes and footnotes from which on the notes stand by themselves, after the table."""

POSITION = re.compile(r"[!htbpH]+")

FIT = r"""\providecommand*{\attnctltry}[1]{\ifdim\dimen2>\linewidth
  \def\attnctlsize{#1}\sbox0{\attnctlsize\attnctltable}\dimen2=\wd0
  \ifdim\dimexpr\ht0+\dp0\relax>\dimen0 \dimen2=\maxdimen\fi\fi}%
\providecommand*{\attnctlfit}{\dimen2=\maxdimen
  \attnctltry{\normalsize}\attnctltry{\small}\attnctltry{\footnotesize}%
  \attnctltry{\footnotesize\setlength{\tabcolsep}{3pt}}%
  \ifdim\dimen2>\linewidth\PackageWarning{attnctl}{A table does not fit with \string\footnotesize\space and is
    scaled: choose rows or columns. It is \the\wd0 \space wide and \the\dimexpr\ht0+\dp0\relax\space high; there is
    room for \the\linewidth\space and \the\dimen0 }\fi
  \ifdim\wd0>\linewidth\sbox0{\resizebox{\linewidth}{!}{\usebox0}}\fi
  \ifdim\dimexpr\ht0+\dp0\relax>\dimen0 \sbox0{\resizebox*{!}{\dimen0}{\usebox0}}\fi}"""
r"""Sets \attnctltable into TeX's scratch box 0 with the largest size that fits \linewidth and \dimen0, the height."""


@dataclass(frozen=True, kw_only=True)
class Layout:
    """How the table stands in the document. star: across both columns; None: where it is too wide for one.

    position: such as `t`; empty for that of the document's class. notes: below the table, in a threeparttable, or none.
    cite: with a citation of each row that has a key
    """

    star: bool | None = None
    position: str = ""
    notes: Literal["below", "threeparttable", "none"] = "below"
    cite: bool = False

    @property
    def packages(self) -> str:
        """What the document must load."""
        return ",".join([*PACKAGES, *([THREE_PARTS] if self.notes == THREE_PARTS else [])])


USUAL = Layout()


def render(table: ReportTable, layout: Layout = USUAL) -> str:
    r"""A `table` environment for each part, never wider than \linewidth nor higher than the page."""
    if layout.notes == "none":
        table = _without_notes(table)
    said = States.of(table) if layout.notes != "none" else States({})
    parts = parted(table)
    environment = _environment(parts, layout)
    texts = [*table.notes, *(note.text for note in table.footnotes)]
    apart = sum(map(len, texts)) > LONG_NOTES and bool(table.notes) and layout.notes == "below"
    out = [rf"% needs \usepackage{{{layout.packages}}}", f"{PREAMBLE}%", f"{FIT}%", comment(_choice(parts, layout))]
    for number, part in enumerate(parts):
        last = number == len(parts) - 1
        used = marks_of(part)
        footnotes = [note for note in table.footnotes if note.mark in used]
        states = [note for note in said.footnotes if _has(part, note.text)]
        notes = table.notes if last and not apart else ()
        out += _float(part, said, layout, environment, notes, (*footnotes, *states), number=number)
    if apart:
        out += [
            rf"\begin{{{environment}}}",
            r"\footnotesize\raggedright",
            _under(table.notes, ()),
            rf"\end{{{environment}}}",
        ]
    return "\n".join(out) + "\n"


def render_standalone(table: ReportTable, layout: Layout = USUAL) -> str:
    """A document that compiles as it is, without citations."""
    return "\n".join(
        [
            comment(one_line(table.title) or "a table"),
            r"\documentclass{article}",
            r"\usepackage[a4paper,margin=2cm]{geometry}",
            rf"\usepackage{{{layout.packages}}}",
            r"\pagestyle{empty}",
            r"\makeatletter\setlength{\@fptop}{0pt}\makeatother",
            r"\begin{document}",
            render(table, replace(layout, cite=False)).rstrip("\n"),
            r"\end{document}",
            "",
        ]
    )


def choice(table: ReportTable, layout: Layout = USUAL) -> str:
    """How the table is set, in words."""
    return _choice(parted(table), layout)


def _choice(parts: Sequence[ReportTable], layout: Layout) -> str:
    widths = [characters(part) for part in parts]
    several = f" in {len(parts)} parts" if len(parts) > 1 else ""
    environment = _environment(parts, layout)
    form = f"{environment}, {'across both columns' if environment == 'table*' else 'in one column'}"
    return f"{form}{several}; about {max(widths)} characters wide"


def _environment(parts: Sequence[ReportTable], layout: Layout) -> str:
    """That of all parts."""
    wide = any(characters(part) > COLUMN for part in parts)
    return "table*" if (wide if layout.star is None else layout.star) else "table"


def _float(
    table: ReportTable,
    said: States,
    layout: Layout,
    environment: str,
    notes: Sequence[str],
    footnotes: Sequence[Footnote],
    *,
    number: int,
) -> Iterator[str]:
    """One environment. number: of the part, from 0."""
    threefold = layout.notes == THREE_PARTS
    under = _under(notes, footnotes)
    title = running(table.title) + (" (continued)" if number else "")
    caption = [rf"\caption{{{title}}}"] if one_line(table.title) else []
    if caption and number:
        caption.insert(0, r"\addtocounter{table}{-1}")
    if table.label and not number:
        caption.append(rf"\label{{{_label(table.label)}}}")
    yield rf"\begin{{{environment}}}" + (f"[{layout.position}]" if layout.position else "")
    yield r"\centering"
    # article sets a caption tight upon the table under it; most classes do not.
    yield r"\ifdim\belowcaptionskip=0pt\setlength{\belowcaptionskip}{\smallskipamount}\fi"
    yield r"\sisetup{retain-explicit-plus,group-digits=false}"
    yield r"\def\attnctltable{%"
    yield from tabular(table, said, cite=layout.cite)
    yield r"}%"
    yield rf"\sbox2{{\parbox{{\linewidth}}{{\footnotesize\raggedright {under}}}}}%"
    yield r"\dimen0=\dimexpr.92\textheight-3\baselineskip-\ht2-\dp2\relax"
    yield r"\attnctlfit"
    if threefold:
        yield r"\begin{threeparttable}"
    yield from caption
    yield r"\attnctlsize\attnctltable" if threefold else r"\usebox0"
    if threefold:
        yield from _three_parts(notes, footnotes)
        yield r"\end{threeparttable}"
    elif under:
        yield from ("", r"\smallskip", r"\usebox2")
    yield rf"\end{{{environment}}}"


def _under(notes: Sequence[str], footnotes: Sequence[Footnote]) -> str:
    lettered = "\\quad\n".join(rf"{superscript((note.mark,))}~{running(note.text)}" for note in footnotes)
    return "\\par\n".join(filter(None, [*map(running, notes), lettered]))


def _three_parts(notes: Sequence[str], footnotes: Sequence[Footnote]) -> Iterator[str]:
    if notes or footnotes:
        yield r"\begin{tablenotes}[flushleft]\footnotesize"
        yield from (rf"\item[{{{escape(note.mark)}}}] {running(note.text)}" for note in footnotes)
        yield from (rf"\item[] {running(note)}" for note in notes)
        yield r"\end{tablenotes}"


def _has(table: ReportTable, state: str) -> bool:
    return any(cell.state == state for _, row in all_rows(table) for cell in row.cells)


def _without_notes(table: ReportTable) -> ReportTable:
    """The table without notes, footnotes and their marks."""
    groups = tuple(
        replace(
            group,
            rows=tuple(
                replace(row, marks=(), cells=tuple(replace(cell, marks=()) for cell in row.cells)) for row in group.rows
            ),
        )
        for group in table.groups
    )
    return replace(table, groups=groups, notes=(), footnotes=())


def _label(text: str) -> str:
    r"""A label: what \label and \ref take as it is."""
    return re.sub(r"[^\w:.+/-]", "-", text, flags=re.ASCII)
