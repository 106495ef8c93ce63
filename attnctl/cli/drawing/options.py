"""Shared by the drawing commands: their options, and writing the figure or its data."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from attnctl.cli import output
from attnctl.reports.figures.data import Width

if TYPE_CHECKING:
    from attnctl.reports.figures.data import Drawing

File = Annotated[
    Path | None,
    typer.Option(
        "--output",
        "-o",
        metavar="FILE",
        help="The figure: .pdf, .svg or .png (default: a PDF in this folder; with --json no file).",
        show_default=False,
    ),
]
WidthOption = Annotated[Width, typer.Option(help="Width of the figure: one column of two, or the page.")]
Title = Annotated[str, typer.Option(help="Title above the figure; in a paper use the caption instead.")]


def check(file: Path | None) -> None:
    """Raise SpecError, before any work, if the file cannot be written or its suffix is not a known format."""
    from attnctl.cli.output_files import check_file
    from attnctl.reports.figures import save

    if file is not None:
        save.check_ending(file)
        check_file(file, force=True)


def deliver(drawing: Drawing, file: Path | None, name: str, width: Width, *, as_json: bool, values: Any = None) -> None:
    """Draw into the file, and say which; or print the data.

    name: of the file, without its ending, unless one is named. values: to be printed instead of all that is drawn.
    """
    from attnctl.reports.figures import save

    if as_json:
        output.document(values if values is not None else save.to_json(drawing))
    if file is None and as_json:
        return
    target = file if file is not None else Path(f"{name}.pdf")
    check(target)
    save.save(drawing, target, width)
    output.note(f"written: {target}")
