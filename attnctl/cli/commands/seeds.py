"""`attnctl seeds`: how many seeds a comparison needs, and what they cost."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from attnctl.cli import completion, context, output
from attnctl.cli.reporting.options import Rows, TrainedColumn, words_of
from attnctl.values import SpecError

if TYPE_CHECKING:
    from attnctl.cli.reporting.seeds import Plan


def seeds(
    target: Annotated[
        str | None,
        typer.Argument(
            metavar="SWEEP|TABLE",
            help="A sweep, or a paper's table such as ela:3 (default: the only sweep, or all runs).",
            autocompletion=completion.sweeps,
        ),
    ] = None,
    *,
    half_width: Annotated[
        float | None,
        typer.Option(help="Plan for 95 % intervals of ± X.", metavar="X", show_default=False),
    ] = None,
    gap: Annotated[
        float | None,
        typer.Option(help="Plan for finding a true gap of X (default: the measured gaps).", metavar="X"),
    ] = None,
    rows: Rows = None,
    metric: TrainedColumn = None,
    as_json: context.AsJson = False,
) -> None:
    """Count the seeds that a comparison needs.

    Shows the spread of each row, its correlation with the baseline over the shared seeds, the gap with its interval,
    and the seeds that an interval of a width or this gap needs, in runs and hours, with the command to type. A paper's
    table is also compared with its published numbers, by one-sample tests.

    Examples:
        attnctl seeds ela-digits
        attnctl seeds ela-digits --half-width 0.1
        attnctl seeds ean:2 --rows '*SE*' --gap 0.5
    """
    for name, value in (("--half-width", half_width), ("--gap", gap)):
        if value is not None and not 0 < value <= 100:
            raise SpecError(f"{name} must be above 0, and 100 at most (got {value:g})")
    if half_width is not None and gap is not None:
        raise SpecError("--half-width and --gap are different plans; give only one of them")
    from attnctl.cli.reporting import seeds as planning

    question = planning.Question(
        target=target,
        rows=words_of(rows, "--rows"),
        metric=metric,
        width=half_width if half_width is not None else DEFAULT_WIDTH,
        gap=gap,
        by_width=half_width is not None,
    )
    with context.index() as index:
        index.refresh()
        found = planning.plan(index, question)
    if as_json:
        output.document(planning.in_json(found))
        return
    _show(found)


DEFAULT_WIDTH = 0.2
"""Of the column of widths, in points, where --half-width is not given."""


def _show(found: Plan) -> None:
    from attnctl.cli.reporting import seeds as planning
    from attnctl.reports import terminal

    if output.is_terminal():
        output.console().print(terminal.renderable(found.table))
    else:
        output.line(terminal.render(found.table).rstrip("\n"))
    output.line()
    if not found.seeds:
        output.prose("No number of seeds can be told: the results do not vary, or the gaps are too small.")
        return
    if not found.commands:
        output.prose("The completed runs are enough.")
        return
    output.prose(f"{planning.words(found)}:")
    for command in found.commands:
        output.line(f"    {command}")
