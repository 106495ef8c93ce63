"""`attnctl report`: the comparison table of a sweep, on the screen or in a file."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from attnctl.cli import complete, context, output
from attnctl.files import write_atomic
from attnctl.values import SpecError

if TYPE_CHECKING:
    from db import Index
    from reports.table import Table

FORMATS = ("terminal", "markdown", "latex", "html", "csv", "json")


def report(
    sweep: Annotated[
        str | None,
        typer.Argument(
            help="A sweep; unless named, the only one, or all runs when there are several.",
            autocompletion=complete.sweeps,
        ),
    ] = None,
    format: Annotated[  # noqa: A002 (the option's name)
        str | None,
        typer.Option(
            "--format",
            "-f",
            metavar="|".join(FORMATS),
            help="Output format; with -o, that of the file's ending unless given.",
            show_default=False,
        ),
    ] = None,
    file: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="FILE", help="Write into FILE, in one step.", show_default=False),
    ] = None,
) -> None:
    """Print the comparison table of the runs.

    Rows are modules with their hyperparameters, groups are backbones and data sets; seeds give mean and spread. The
    last epoch counts. What is not finished shows its state.
    """
    from reports import formats

    named = formats.named(format) if format is not None else formats.of_file(file) if file is not None else None
    if file is not None:
        _check_writable(file)
    with context.index() as index:
        index.refresh()
        table = _table(index, sweep)
    if file is not None and named is not None:
        write_atomic(file, named.render(table).encode())
        output.note(f"written: {file}")
    elif named is None or format == "terminal":
        _show(table)
    else:
        output.line(named.render(table).rstrip("\n"))


def _table(index: Index, sweep: str | None) -> Table:
    from reports import comparison

    if sweep is None:
        sweeps = index.sweeps()
        sweep = sweeps[0].name if len(sweeps) == 1 else None
    rows = index.runs(None if sweep is None else index.find_sweep(sweep).runs)
    if not rows and sweep is not None:
        raise SpecError(f"sweep {sweep} has no runs in this workspace")
    if not rows:
        raise SpecError("there is nothing to report: this workspace has no runs yet; attnctl sweep starts some")
    title = f"Sweep {sweep}" if sweep is not None else "All runs of this workspace"
    return comparison.build(rows, title, context.config().workspace.speeds())


def _show(table: Table) -> None:
    from reports import terminal

    if output.is_terminal():
        output.console().print(terminal.renderable(table))
    else:
        output.line(terminal.render(table).rstrip("\n"))


def _check_writable(file: Path) -> None:
    """Raise SpecError before any work when the file cannot be written."""
    folder = file.parent
    if not folder.is_dir():
        raise SpecError(f"cannot write {file}: there is no folder {folder}")
    if file.is_dir():
        raise SpecError(f"cannot write {file}: it is a folder")
    if file.exists() and not stat.S_ISREG(file.stat().st_mode):
        raise SpecError(f"cannot write {file}: it is not a regular file; leave -o out and redirect the output")
    if not os.access(folder, os.W_OK):
        raise SpecError(f"cannot write {file}: the folder {folder} is not writable")
