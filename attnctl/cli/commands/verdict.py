"""`attnctl verdict`: which of a paper's numbers and claims the runs here bear out."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

from attnctl.cli import context, output_files
from attnctl.cli.option_groups import Shown
from attnctl.cli.reporting.options import FormatOptions, PaperOrFile, Tables, table_numbers
from attnctl.values import SpecError

WIDEST = 100
"""The largest margin, in points: metrics lie from 0 to 100."""


def verdict(
    paper: PaperOrFile,
    *,
    table: Tables = None,
    margin: Annotated[
        float,
        typer.Option(help="How far a mean may be from the published value and still agree, in points.", metavar="X"),
    ] = 0.3,
    epoch: Annotated[
        Literal["last", "best"],
        typer.Option(help="Judge the last epoch, or the one with the highest top-1."),
    ] = "last",
    written: Annotated[FormatOptions, Shown()],
    as_json: context.AsJson = False,
) -> None:
    """Judge a paper's numbers and claims by your runs.

    A published number agrees if the 95 % confidence interval of your mean lies within the margin around it, and differs
    if the interval lies outside; otherwise it is not settled, and the table estimates how many more seeds would settle
    it. A claim is a comparison in the paper's text, such as "EAN outperforms SE". It is supported or contradicted by
    the differences of runs that share a seed, or open. A file from `attnctl paper new` shows how to write claims.

    Examples:
        attnctl verdict ean
        attnctl verdict ean --table 2 --margin 0.5
        attnctl verdict my.toml -o verdict.html
    """
    if not 0 <= margin <= WIDEST:
        raise SpecError(f"--margin must be 0 to {WIDEST} points (got {margin:g})")
    numbers = table_numbers(table)
    form = written.form(as_json=as_json)
    if written.macros:
        raise SpecError("--macros applies to attnctl report; a verdict has none")
    if written.file is not None:
        output_files.check_file(written.file, force=True)
    from attnctl import papers

    source = papers.load(paper)
    with context.index() as index:
        from attnctl.cli.reporting import verdict as verdicts

        index.refresh()
        found = verdicts.gather(index, source, numbers, margin=margin, epoch=epoch)
        verdicts.deliver(found, form, written.file)
