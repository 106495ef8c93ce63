"""How a command's tables reach the user: on the terminal, as text on standard output, or in a file."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from attnctl.cli import output

if TYPE_CHECKING:
    from attnctl.reports.formats import Format
    from attnctl.reports.table import ReportTable


def deliver(
    tables: Sequence[ReportTable],
    form: Format,
    file: Path | None,
    *,
    render: Callable[[ReportTable], str] | None = None,
    after: Callable[[], None] | None = None,
) -> None:
    """Write the tables, one after the other, to the file or to standard output; on a terminal with its colours.

    render: what makes a table's text; by default the format. after: prints what stands under the tables on a terminal
    """
    from attnctl.reports import formats

    if file is None and form == formats.FORMATS["terminal"]:
        for number, table in enumerate(tables):
            if number:
                output.line()
            show(table)
        if after is not None:
            after()
        return
    text = "\n".join(map(render or form.render, tables))
    if file is None:
        output.line(text.rstrip("\n"))
        return
    from attnctl.files import write_atomic

    write_atomic(file, text.encode())
    output.note(f"written: {file}{_choice(tables, form)}")


def show(table: ReportTable) -> None:
    """A table on the screen, or as plain text in a pipe."""
    from attnctl.reports import terminal

    if output.is_terminal():
        output.console().print(terminal.renderable(table))
    else:
        output.line(terminal.render(table).rstrip("\n"))


def _choice(tables: Sequence[ReportTable], form: Format) -> str:
    """How a LaTeX table is set; empty for other formats, and for several tables."""
    if form.renderer != "attnctl.reports.latex:render" or len(tables) != 1:
        return ""
    from attnctl.reports import latex

    return f" ({latex.choice(tables[0], form.layout if form.layout is not None else latex.USUAL)})"
