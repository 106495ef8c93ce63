"""`attnctl seeds`: how many seeds a comparison needs, and what they cost."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from attnctl.cli import completion, context, output, output_files
from attnctl.cli.option_groups import Shown
from attnctl.cli.reporting import delivery
from attnctl.cli.reporting.options import FormatOptions, Rows, TrainedColumn, words_of
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
    written: Annotated[FormatOptions, Shown()],
    as_json: context.AsJson = False,
) -> None:
    """Count the seeds that a comparison needs.

    Shows the spread of each row, its correlation with the baseline over the shared seeds, the gap with its interval,
    and the seeds that an interval of a width or this gap needs, in runs and hours, with the command to type. A paper's
    table is also compared with its published numbers, by one-sample tests.

    Examples:
        attnctl seeds ela-digits
        attnctl seeds ela-digits --half-width 0.1 -o seeds.md
        attnctl seeds ean:2 --rows '*SE*' --gap 0.5
    """
    for name, value in (("--half-width", half_width), ("--gap", gap)):
        if value is not None and not 0 < value <= 100:
            raise SpecError(f"{name} must be above 0, and 100 at most (got {value:g})")
    if half_width is not None and gap is not None:
        raise SpecError("--half-width and --gap are different plans; give only one of them")
    form = written.form(as_json=as_json)
    if written.macros:
        raise SpecError("--macros applies to attnctl report; a plan of seeds has none")
    if written.file is not None:
        output_files.check_file(written.file, force=True)
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
        _document(found, written.file)
        return
    table = written.titled(found.table)
    delivery.deliver([table], form, written.file, after=partial(_commands, found))
    if written.file is not None:
        _commands(found)


DEFAULT_WIDTH = 0.2
"""Of the column of widths, in points, where --half-width is not given."""


def _document(found: Plan, file: Path | None) -> None:
    """The plan as JSON, which has more than its table."""
    from attnctl.cli.reporting import seeds as planning

    if file is None:
        output.document(planning.in_json(found))
        return
    from attnctl.files import write_atomic

    write_atomic(file, (json.dumps(planning.in_json(found), indent=2, ensure_ascii=False) + "\n").encode())
    output.note(f"written: {file}")


def _commands(found: Plan) -> None:
    """The seeds that all rows need together, and what to type."""
    from attnctl.cli.reporting import seeds as planning

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
