"""`attnctl report`: the comparison of a sweep's runs, or a paper's table, on the screen or in a file."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from attnctl.cli import completion, context, output, output_files
from attnctl.units import clock, quantity
from attnctl.values import SpecError, convert, split_list, split_seeds

if TYPE_CHECKING:
    from collections.abc import Sequence

    from attnctl.cli.reporting.request import Gathered, Request
    from attnctl.db import Index
    from attnctl.reports.formats import Format
    from attnctl.reports.report import Report
    from attnctl.reports.selection import Options

FORMATS = ("terminal", "markdown", "latex", "html", "csv", "json")

WHAT, BEHIND = "What is shown", "What is behind it"


def report(
    sweep: Annotated[
        str | None,
        typer.Argument(
            metavar="SWEEP",
            help="A sweep (default: the only one, or all runs if there are several).",
            autocompletion=completion.sweeps,
        ),
    ] = None,
    *,
    table: Annotated[
        str | None,
        typer.Option(
            help="A paper's table: ela:3, or 3 for the paper swept in this workspace.",
            rich_help_panel=WHAT,
            metavar="[PAPER:]N",
        ),
    ] = None,
    paper: Annotated[
        str | None,
        typer.Option(
            help="The paper of --table, or a paper file.", rich_help_panel=WHAT, autocompletion=completion.papers
        ),
    ] = None,
    rows: Annotated[
        list[str] | None,
        typer.Option(
            help="Only these rows: names or globs such as '*EAN*' (comma list).", rich_help_panel=WHAT, metavar="LIST"
        ),
    ] = None,
    columns: Annotated[
        list[str] | None,
        typer.Option(
            help="Columns in this order: KEY, KEY.PART or .PART, such as top1,params.exact or .measured.",
            rich_help_panel=WHAT,
            metavar="LIST",
        ),
    ] = None,
    seed: Annotated[
        list[str] | None,
        typer.Option(help="Only these seeds, such as 0,1 or 0..4.", rich_help_panel=WHAT, metavar="LIST"),
    ] = None,
    epoch: Annotated[
        Literal["last", "best"],
        typer.Option(help="Report the last epoch, or the one with the highest top-1.", rich_help_panel=WHAT),
    ] = "last",
    sort: Annotated[
        str | None,
        typer.Option(
            help="Sort the rows of each group by a column; -KEY sorts descending.", rich_help_panel=WHAT, metavar="KEY"
        ),
    ] = None,
    format: Annotated[  # noqa: A002 (the option's name)
        str | None,
        typer.Option(
            "--format",
            "-f",
            metavar="|".join(FORMATS),
            help="Output format (default: from the -o suffix, else terminal).",
            show_default=False,
        ),
    ] = None,
    standalone: Annotated[bool, typer.Option("--standalone", help="LaTeX: a complete document.")] = False,
    macros: Annotated[bool, typer.Option("--macros", help="LaTeX: one macro for each number.")] = False,
    file: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="FILE", help="Write to FILE.", show_default=False),
    ] = None,
    lock: Annotated[
        Path | None,
        typer.Option(
            help="Freeze the report in FILE, or show the frozen report if FILE exists and its runs are unchanged.",
            rich_help_panel=BEHIND,
            metavar="FILE",
            show_default=False,
        ),
    ] = None,
    missing: Annotated[
        bool,
        typer.Option("--missing", help="Print the commands that train the missing cells.", rich_help_panel=BEHIND),
    ] = False,
    provenance: Annotated[
        bool,
        typer.Option(
            "--provenance",
            help="Print the runs, attempts, commits, machines and versions behind each number.",
            rich_help_panel=BEHIND,
        ),
    ] = False,
    cell: Annotated[
        str | None,
        typer.Option(
            help="With --provenance: only these cells (names or globs).",
            rich_help_panel=BEHIND,
            metavar="ROW[:COLUMN]",
            show_default=False,
        ),
    ] = None,
    as_json: context.AsJson = False,
) -> None:
    """Print a comparison table, or a paper's table.

    The comparison has a row for each module and its hyperparameters, in groups by backbone and data set. --table prints
    the rows and columns of a paper's table. Cells show the mean and standard deviation over seeds; unfinished cells
    show their state.

    Examples:
        attnctl report
        attnctl report --table ela:5
        attnctl report ela-digits --sort -top1 -o table.tex
    """
    from attnctl.reports import formats

    for name, value in (("--sort", sort), ("--cell", cell)):
        if value == "":
            raise SpecError(f"{name} is empty; leave it out, or name a column")
    request = _request(sweep, table, paper, missing, _options(rows, columns, seed, epoch, sort))
    if missing + (provenance or cell is not None) > 1 or ((missing or provenance or cell) and file is not None):
        raise SpecError("--missing and --provenance replace the table; give only one of them, without -o")
    variant = "standalone" if standalone else "macros" if macros else ""
    if standalone and macros:
        raise SpecError("--standalone and --macros are different documents; give only one of them")
    chosen = "json" if as_json else format
    if chosen is None and variant and file is None:
        chosen = "latex"
    form = (
        formats.named(chosen, variant)
        if chosen is not None
        else formats.of_file(file, variant)
        if file is not None
        else formats.named("terminal")
    )
    for written in filter(None, (file, lock)):
        output_files.check_file(written, force=True)
    with context.index() as index:
        index.refresh()
        found = _gathered(index, request, lock)
        for warning in found.report.warnings:
            output.note(f"warning: {warning}")
        if missing:
            _print_missing(found.missing, as_json)
        elif provenance or cell is not None:
            _print_provenance(index, found, cell or "", as_json)
        else:
            _deliver(index, found, form, file)


def _request(sweep: str | None, table: str | None, paper: str | None, missing: bool, options: Options) -> Request:
    from attnctl.cli.reporting.request import Request

    return Request(sweep=sweep, table=table, paper=paper, options=options, missing=missing)


def _options(
    rows: list[str] | None,
    columns: list[str] | None,
    seeds: list[str] | None,
    epoch: Literal["last", "best"],
    sort: str | None,
) -> Options:
    from attnctl.reports.selection import Options

    return Options(
        rows=tuple(part for given in rows or () for part in split_list(given, "--rows")),
        columns=tuple(part for given in columns or () for part in split_list(given, "--columns")),
        seeds=tuple(_seed(part) for given in seeds or () for part in split_seeds(given)),
        epoch=epoch,
        sort=sort or "",
    )


def _seed(word: str) -> int:
    seed = convert(word, int, "--seed")
    assert isinstance(seed, int)
    return seed


def _gathered(index: Index, request: Request, path: Path | None) -> Gathered:
    """The report, or the one that is frozen in the file."""
    from attnctl.cli.reporting.request import Gathered, gather, resolved

    request = resolved(index, request)
    if path is None:
        return gather(index, request)
    from attnctl.reports import lock

    frozen = lock.read(path)
    if frozen is None:
        found = gather(index, request)
        frozen = lock.write(path, found.report, found.rows, request.words(), time.time())
        output.note(f"locked in {path}: {quantity(len(frozen.runs), 'run')}")
        return found
    if request.missing:
        raise SpecError("--missing cannot be combined with --lock")
    lock.check_request(path, frozen, request.words())
    rows = index.runs(list(frozen.runs))
    lock.check_runs(path, frozen, rows)
    day = clock(frozen.made, seconds=False)
    output.note(f"as locked in {path} on {day}: {quantity(len(frozen.runs), 'run')}, unchanged since")
    return Gathered(report=frozen.report, rows=rows)


def _deliver(index: Index, found: Gathered, form: Format, file: Path | None) -> None:
    """Render the table; on a terminal with its colours."""
    from attnctl.files import write_atomic
    from attnctl.reports import formats

    table = found.report.table
    if file is None and form == formats.FORMATS["terminal"]:
        _show(found.report)
        return
    if form.page:
        from attnctl.reports import provenance
        from attnctl.reports.figures import page

        behind = set(found.report.runs())
        rows = [row for row in found.rows if row.id in behind]
        origins = [provenance.origin(provenance.source(index.workspace, row)) for row in rows]
        text = form.render(table, origins, page.plots(rows, index.history))
    else:
        text = form.render(table)
    if file is None:
        output.line(text.rstrip("\n"))
    else:
        write_atomic(file, text.encode())
        output.note(f"written: {file}")


def _show(found: Report) -> None:
    from attnctl.reports import terminal

    if output.is_terminal():
        output.console().print(terminal.renderable(found.table))
    else:
        output.line(terminal.render(found.table).rstrip("\n"))


def _print_missing(commands: Sequence[str], as_json: bool) -> None:
    if as_json:
        output.document({"commands": list(commands)})
    elif commands:
        for command in commands:
            output.line(command)
    else:
        output.note("nothing is missing")


def _print_provenance(index: Index, found: Gathered, pattern: str, as_json: bool) -> None:
    from attnctl.reports import provenance

    numbers = provenance.numbers(found.report, pattern)
    behind = {run for number in numbers for run in number.cell.runs}
    sources = {row.id: provenance.source(index.workspace, row) for row in found.rows if row.id in behind}
    if as_json:
        output.document(provenance.document(numbers, sources))
    elif numbers:
        for line in provenance.lines(numbers, sources):
            output.line(line)
    else:
        output.note("there are no runs behind these numbers")
