"""`attnctl report`: the comparison of a sweep's runs, or a paper's table, on the screen or in a file."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from attnctl.cli import completion, context, output, output_files
from attnctl.cli.option_groups import Shown
from attnctl.cli.reporting import delivery
from attnctl.cli.reporting.options import BehindOptions, FormatOptions, ShownOptions
from attnctl.cli.run_filter import RunFilter
from attnctl.units import clock, quantity
from attnctl.values import SpecError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from attnctl.cli.reporting.request import Gathered, Request
    from attnctl.db import Index
    from attnctl.reports.display_names import DisplayNames
    from attnctl.reports.formats import Format
    from attnctl.reports.html import Live
    from attnctl.reports.report import Report
    from attnctl.reports.table import ReportTable


def report(
    sweeps: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="SWEEP",
            help="Sweeps (default: the only one, or all runs if there are several).",
            autocompletion=completion.sweeps,
        ),
    ] = None,
    *,
    shown: Annotated[ShownOptions, Shown()],
    kept: Annotated[RunFilter, Shown()],
    written: Annotated[FormatOptions, Shown()],
    behind: Annotated[BehindOptions, Shown()],
    watch: Annotated[
        bool, typer.Option("--watch", help="With -o: write FILE again until all runs have ended; HTML reloads itself.")
    ] = False,
    as_json: context.AsJson = False,
) -> None:
    """Print a comparison table, or a paper's table.

    The comparison has a row for each module and its hyperparameters, in groups by backbone and data set. --table prints
    the rows and columns of a paper's table. Cells show the mean and standard deviation over seeds; unfinished cells
    show their state.

    Examples:
        attnctl report --table ela:5
        attnctl report ela-digits --sort -top1 -o table.tex
        attnctl report ela-digits -o table.html --watch
    """
    request = shown.request(sweeps or (), kept=kept, missing=behind.missing)
    behind.check(written.file)
    form = written.form(as_json=as_json)
    for path in filter(None, (written.file, behind.lock)):
        output_files.check_file(path, force=True)
    if watch:
        _watch(request, shown, behind, written, form)
        return
    with context.index() as index:
        index.refresh()
        gathered = _gathered(index, request, behind.lock)
        for warning in gathered.report.warnings:
            output.note(f"warning: {warning}")
        if behind.missing:
            _print_missing(gathered.missing, as_json)
        elif behind.origins:
            _print_provenance(index, gathered, behind.cell or "", as_json)
        else:
            table = _shown_table(gathered.report, shown, written, form)
            found = replace(gathered, report=replace(gathered.report, table=table))
            delivery.deliver(
                [table], form, written.file, render=lambda _: _text(index, found, form, request.options.names)
            )


def _watch(request: Request, shown: ShownOptions, behind: BehindOptions, written: FormatOptions, form: Format) -> None:
    """Write the file until the runs have ended. Raises SpecError."""
    from attnctl.cli.reporting import watching

    if behind.missing or behind.origins:
        raise SpecError(f"--watch shows the table; leave out {'--missing' if behind.missing else '--provenance'}")
    if written.file is None:
        raise SpecError("--watch writes a file again; name it with -o, such as -o table.html")
    if behind.lock is not None:
        raise SpecError("--watch cannot be combined with --lock, which freezes the report")

    def text(index: Index, gathered: Gathered, live: Live | None) -> str:
        table = _shown_table(gathered.report, shown, written, form)
        found = replace(gathered, report=replace(gathered.report, table=table))
        return _text(index, found, form, request.options.names, live)

    watching.rewrite(context.config(), request, written.file, text)


def _shown_table(report: Report, shown: ShownOptions, written: FormatOptions, form: Format) -> ReportTable:
    """The table as it was asked for; for LaTeX with the columns of a paper, unless others were."""
    chosen = report.printed if form.printed else None
    table = shown.styled(written.titled(chosen or report.table), form)
    if not written.cite or shown.table is not None:
        return table
    from attnctl.papers.citations import of_modules
    from attnctl.reports.citations import with_citations

    return with_citations(table, of_modules())


def _gathered(index: Index, request: Request, path: Path | None) -> Gathered:
    """The report, or the one locked in the file."""
    from attnctl.cli.reporting.request import Gathered, gather, resolved

    request = resolved(index, request)
    if path is None:
        gathered = gather(index, request)
        for note in gathered.notes:
            output.note(note)
        return gathered
    from attnctl.reports import lock

    locked = lock.read(path)
    if locked is None:
        gathered = gather(index, request)
        locked = lock.write(path, gathered.report, gathered.rows, request.words(), time.time())
        output.note(f"locked in {path}: {quantity(len(locked.runs), 'run')}")
        return gathered
    if request.missing:
        raise SpecError("--missing cannot be combined with --lock")
    lock.check_request(path, locked, request.words())
    rows = index.runs(list(locked.runs))
    lock.check_runs(path, locked, rows)
    moment = clock(locked.made, seconds=False)
    output.note(f"as locked in {path} on {moment}: {quantity(len(locked.runs), 'run')}, unchanged since")
    return Gathered(report=locked.report, rows=rows)


def _text(index: Index, gathered: Gathered, form: Format, names: DisplayNames, live: Live | None = None) -> str:
    """The rendered table. live: what a page says while it reloads."""
    if not form.page:
        return form.render(gathered.report.table)
    from attnctl.reports import html, provenance
    from attnctl.reports.figures import page

    behind = set(gathered.report.runs())
    rows = [row for row in gathered.rows if row.id in behind]
    origins = [provenance.origin(provenance.source(index.workspace, row)) for row in rows]
    return html.render(gathered.report.table, origins, page.plots(rows, index.history, names), live)


def _print_missing(commands: Sequence[str], as_json: bool) -> None:
    if as_json:
        output.document({"commands": list(commands)})
    elif commands:
        for command in commands:
            output.line(command)
    else:
        output.note("nothing is missing")


def _print_provenance(index: Index, gathered: Gathered, pattern: str, as_json: bool) -> None:
    from attnctl.reports import provenance

    numbers = provenance.numbers(gathered.report, pattern)
    behind = {run for number in numbers for run in number.cell.runs}
    sources = {row.id: provenance.source(index.workspace, row) for row in gathered.rows if row.id in behind}
    if as_json:
        output.document(provenance.document(numbers, sources))
    elif numbers:
        for start, text in provenance.lines(numbers, sources):
            output.hanging(start, text, len(start))
    else:
        output.note("there are no runs behind these numbers")
