"""The verdict on a paper from the index: which of its numbers and claims the runs here bear out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from attnctl.cli import output
from attnctl.cli.reporting import delivery, paper_tables
from attnctl.papers.runs import cells_of
from attnctl.reports import formats, published, verdict
from attnctl.reports.selection import Options
from attnctl.values import SpecError, comma_join, did_you_mean

if TYPE_CHECKING:
    from pathlib import Path

    from attnctl.db import Index
    from attnctl.papers import Paper, PaperTable
    from attnctl.papers.runs import Settings
    from attnctl.reports.formats import Format
    from attnctl.reports.replicates import Epoch
    from attnctl.reports.verdict import TableVerdict


def gather(
    index: Index,
    paper: Paper,
    numbers: Sequence[str] = (),
    *,
    margin: float = verdict.MARGIN,
    epoch: Epoch = "last",
) -> list[TableVerdict]:
    """The verdicts on a paper's tables, as the index was last refreshed. Raises SpecError for an unknown table.

    numbers: of the tables; empty: all in which something is trained or claimed. margin: in points
    """
    return [_judge(index, paper, table, margin, epoch) for table in chosen(paper, numbers)]


def chosen(paper: Paper, numbers: Sequence[str]) -> list[PaperTable]:
    """These tables of a paper, or all in which something can be judged. Raises SpecError."""
    claimed = {claim.table for claim in paper.claims}
    judged = {
        number: table
        for number, table in paper.tables.items()
        if number in claimed or any(column.kind == "run" for column in table.columns)
    }
    for number in numbers:
        if number not in paper.tables:
            raise SpecError(f"{paper.name} has no table {number!r}{did_you_mean(number, paper.tables)}")
        if number not in judged:
            raise SpecError(
                f"{paper.name} table {number} has no trained column and no claim; "
                f"tables with a verdict: {comma_join(judged)}"
            )
    if not judged:
        raise SpecError(f"{paper.name} has no trained column and no claim, so there is nothing to judge")
    return [table for number, table in judged.items() if not numbers or number in numbers]


def deliver(verdicts: Sequence[TableVerdict], form: Format, file: Path | None) -> None:
    """Write the tables: one by one where a file can hold several, else as one; on a terminal with a summary."""

    def summary() -> None:
        if len(verdicts) > 1:
            output.line()
            output.prose(verdict.summary(verdicts))

    tables = verdict.tables(verdicts) if form.several else [verdict.together(verdicts)]
    delivery.deliver(tables, form, file, after=summary)


def show(verdicts: Sequence[TableVerdict]) -> None:
    """Print the tables."""
    deliver(verdicts, formats.named("terminal"), None)


def _changed(settings: Settings) -> Iterator[str]:
    """What the runs have instead of the paper's values: first the rows that nothing else is said for."""
    if settings.default.summary():
        yield f"trained with {settings.default.summary()} instead of the paper's values."
    for summary in dict.fromkeys(own.summary() for own in settings.parts.values()):
        rows = comma_join(name for name, own in settings.parts.items() if own.summary() == summary)
        yield f"{rows}: trained with {f'{summary} instead of ' if summary else ''}the paper's values."


def _judge(index: Index, paper: Paper, table: PaperTable, margin: float, epoch: Epoch) -> TableVerdict:
    settings, _ = paper_tables.trained_with(index, table)
    cells = cells_of(table, settings)
    runs = index.families({spec.family for item in cells for spec in item.specs})
    asked = bool(paper_tables.sweeps_of(index, table))
    filled = published.runs_of(table, cells, runs, Options(epoch=epoch), asked=asked)
    changed = list(_changed(settings))
    return verdict.judge(paper, table, filled, margin=margin, epoch=epoch, changed=changed)
