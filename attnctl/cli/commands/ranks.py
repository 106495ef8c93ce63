"""`attnctl ranks`: the rows of a comparison over all of its data sets and backbones."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from attnctl.cli import completion, context, output, output_files
from attnctl.cli.drawing.options import FigureOptions
from attnctl.cli.option_groups import Shown
from attnctl.cli.reporting import delivery
from attnctl.cli.reporting.options import FormatOptions, Rows, TrainedColumn, words_of
from attnctl.values import SpecError

if TYPE_CHECKING:
    from attnctl.reports.figures.data import PrintStyle
    from attnctl.reports.mean_ranks import Ranking


def ranks(
    sweep: Annotated[
        str | None,
        typer.Argument(
            metavar="SWEEP",
            help="A sweep (default: the only one, or all runs if there are several).",
            autocompletion=completion.sweeps,
        ),
    ] = None,
    *,
    rows: Rows = None,
    metric: TrainedColumn = None,
    diagram: Annotated[
        Path | None,
        typer.Option(help="Draw the critical-difference diagram: .pdf, .svg or .png.", metavar="FILE"),
    ] = None,
    drawn: Annotated[FigureOptions, Shown(only=("width", "font"), defaults={"width": "column"})],
    written: Annotated[FormatOptions, Shown()],
    as_json: context.AsJson = False,
) -> None:
    """Rank modules over data sets and backbones.

    Each group of the comparison (a backbone on a data set) ranks its rows by their mean. Shows the average, the mean
    rank, wins, ties and losses against the plain backbone, Friedman's test, and which rows differ by Nemenyi's critical
    difference, or from the plain backbone by Holm's procedure (Demsar 2006).

    Examples:
        attnctl ranks wide
        attnctl ranks wide --diagram ranks.pdf --width page
    """
    form = written.form(as_json=as_json)
    if written.macros:
        raise SpecError("--macros applies to attnctl report; ranks have none")
    from attnctl.reports import mean_ranks

    for path in filter(None, (written.file, diagram)):
        output_files.check_file(path, force=True)
    if diagram is not None:
        from attnctl.reports.figures import save

        save.check_ending(diagram)
    printed = drawn.printed()
    title, found = _gathered(sweep, words_of(rows, "--rows"), metric)
    table = written.titled(mean_ranks.table(found, title))
    delivery.deliver([table], form, written.file)
    if diagram is not None:
        _draw(found, diagram, printed)


def _gathered(sweep: str | None, rows: tuple[str, ...], metric: str | None) -> tuple[str, Ranking]:
    from attnctl.cli.reporting.request import Request, gather
    from attnctl.reports import mean_ranks, seed_plan
    from attnctl.reports.selection import Options
    from attnctl.spec import NO_MODULE

    with context.index() as index:
        index.refresh()
        gathered = gather(index, Request(sweeps=(sweep,) if sweep is not None else (), options=Options(rows=rows)))
        plain = {row.id for row in gathered.rows if row.module == NO_MODULE}
    table = gathered.report.table
    chosen = seed_plan.metric_of(gathered.report, metric)
    return f"{table.title}: ranks by {chosen}", mean_ranks.ranking(table, chosen, plain)


def _draw(found: Ranking, file: Path, printed: PrintStyle) -> None:
    from attnctl.reports.figures import save
    from attnctl.reports.figures.data import CriticalDifference
    from attnctl.reports.statistics.ranks import cliques
    from attnctl.reports.statistics.ranks import mean_ranks as means_of

    means = means_of(found.ranks)
    drawing = CriticalDifference(
        names=found.names, ranks=tuple(means), distance=found.distance, cliques=tuple(cliques(means, found.distance))
    )
    save.save(drawing, file, printed)
    output.note(f"written: {file}")
