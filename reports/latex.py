r"""A table as LaTeX for a paper: booktabs, to be taken in by `\input`; the notes stand under it."""

from __future__ import annotations

import unicodedata
from functools import cache

from pylatexenc.latexencode import UnicodeToLatexEncoder  # type: ignore[import-untyped]

from reports.table import Row, Table, texts


@cache
def _encoder() -> UnicodeToLatexEncoder:
    # A character without a LaTeX form is left to the engine: XeLaTeX and LuaLaTeX set it as it is.
    return UnicodeToLatexEncoder(unknown_char_policy="keep", unknown_char_warning=False)


def escape(text: str) -> str:
    """A user's text as LaTeX that prints just that text. Control characters are left out."""
    plain = "".join(char for char in " ".join(text.split()) if unicodedata.category(char)[0] != "C")
    return str(_encoder().unicode_to_latex(plain))


def render(table: Table) -> str:
    r"""A `table` environment. Needs `\usepackage{booktabs}`."""
    width = len(table.headers) + len(table.columns)
    out = [
        r"% needs \usepackage{booktabs}",
        r"\begin{table}",
        r"\centering",
        *([rf"\caption{{{escape(table.title)}}}"] if table.title else []),
        rf"\begin{{tabular}}{{{'l' * len(table.headers)}{'r' * len(table.columns)}}}",
        r"\toprule",
        _line([*map(escape, table.headers), *(escape(column.heading) for column in table.columns)]),
    ]
    for group in table.groups:
        out += [r"\midrule", rf"\multicolumn{{{width}}}{{l}}{{\emph{{{escape(group.title)}}}}} \\"]
        for row in group.rows:
            out.append(_line([*map(escape, row.header), *_cells(row, table)]))
    out += [r"\bottomrule", r"\end{tabular}"]
    if table.notes:
        notes = r"\\ ".join(escape(note) for note in table.notes)
        out += ["", r"\smallskip", rf"\parbox{{0.95\linewidth}}{{\footnotesize\raggedright {notes}}}"]
    return "\n".join([*out, r"\end{table}"]) + "\n"


def _line(cells: list[str]) -> str:
    return " & ".join(cells) + r" \\"


def _cells(row: Row, table: Table) -> list[str]:
    made = []
    for cell, (number, state) in zip(row.cells, texts(row, table.columns, r" $\pm$ "), strict=True):
        shown = rf"\textbf{{{number}}}" if number and cell.best else number
        made.append(rf"{shown} ({escape(state)})" if number and state else shown or escape(state))
    return made
