"""`attnctl audit`: the published figures of complexity, held against our networks."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from attnctl.cli import completion, context, output
from attnctl.cli.table_layout import Column
from attnctl.units import quantity

if TYPE_CHECKING:
    from attnctl.papers.audit import AuditedCount

_COLUMNS = (
    Column("paper", once=True),
    Column("table", once=True),
    Column("row"),
    Column("column"),
    Column("published"),
    Column("ours"),
    Column("counted as", once=True, drop=1),
    Column(""),
    Column("note", free=True),
)


def audit(
    paper: Annotated[
        str | None,
        typer.Option(
            help="Only this paper: an, ean, ela, ema, nam, or a paper file.",
            metavar="NAME|FILE",
            autocompletion=completion.papers,
        ),
    ] = None,
    table: Annotated[str | None, typer.Option(help="Only the table of this number.", metavar="N")] = None,
    as_json: context.AsJson = False,
) -> int:
    """Compare published parameters and FLOPs with ours.

    Builds each network and counts it the way its paper did. A number matches if it agrees with ours to the last printed
    digit. Explained differences are misprints, wrong labels, and operations that a counting tool does not see.

    Examples:
        attnctl audit --paper ela --table 5
    """
    from attnctl.papers import audit as audits

    tables = audits.tables(paper, table)
    figures = list(_followed(audits.audit(tables), sum(len(item.rows) for item in tables)))
    if as_json:
        output.document(
            {"rows": [{**asdict(figure), "match": figure.match} for figure in figures], "summary": _summary(figures)}
        )
        return 0
    output.table(_COLUMNS, [_cells(figure) for figure in figures])
    output.line()
    for name, counted in _summary(figures).items():
        output.prose(f"{name}: {_sentence(counted)}")
    return 0


def _followed(figures: Iterator[AuditedCount], rows: int) -> Iterator[AuditedCount]:
    """The counts, with a progress bar on a terminal: without cached counts the audit takes a minute."""
    from rich.console import Console
    from rich.progress import Progress

    console = Console(stderr=True)
    with Progress(console=console, transient=True, disable=not output.is_terminal(sys.stderr)) as bar:
        task = bar.add_task("counting", total=rows)
        previous = None
        for figure in figures:
            if (row := (figure.paper, figure.table, figure.row)) != previous:
                previous = row
                bar.advance(task)
            yield figure


def _cells(figure: AuditedCount) -> list[str]:
    return [
        figure.paper,
        figure.table,
        figure.row,
        figure.column,
        figure.published,
        figure.computed or "",
        figure.convention,
        figure.verdict,
        figure.note,
    ]


def _summary(figures: Sequence[AuditedCount]) -> dict[str, dict[str, int]]:
    """For each paper and for all: how many figures have which verdict, and in how many rows all of them match."""
    groups = {name: [figure for figure in figures if figure.paper == name] for name in {f.paper: 0 for f in figures}}
    return {
        name: _counted(group) for name, group in (*groups.items(), *([("all", figures)] if len(groups) > 1 else []))
    }


def _counted(figures: Sequence[AuditedCount]) -> dict[str, int]:
    verdicts: dict[tuple[str, str, str], list[str]] = {}
    for figure in figures:
        verdicts.setdefault((figure.paper, figure.table, figure.row), []).append(figure.verdict)
    waiting = sum("waits" in row for row in verdicts.values())
    return {
        "figures": sum(figure.verdict != "waits" for figure in figures),
        **Counter(figure.verdict for figure in figures),
        "rows": len(verdicts) - waiting,
        "rows that match": sum(set(row) == {"match"} for row in verdicts.values()),
        "rows that wait": waiting,
    }


def _sentence(counted: dict[str, int]) -> str:
    """Such as `104 of 112 figures match, in 48 of 56 rows whole; 7 explained, 1 not reproduced; 24 rows wait`."""
    parts = [
        f"{counted.get('match', 0)} of {quantity(counted['figures'], 'figure')} match, "
        f"{counted['rows that match']} of {quantity(counted['rows'], 'row')} whole"
    ]
    unmatched = [
        f"{counted[name]} {name}" for name in ("explained", "not reproduced", "not built") if counted.get(name)
    ]
    if unmatched:
        parts.append(", ".join(unmatched))
    if counted["rows that wait"]:
        waiting = quantity(counted["rows that wait"], "row")
        parts.append(f"not counted: {waiting} of networks that attnctl does not have")
    return "; ".join(parts)
