"""The options of a figure that all drawing commands share, and writing the figure or its data."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from attnctl.cli import output
from attnctl.reports.figures.data import Width

if TYPE_CHECKING:
    from attnctl.reports.figures.data import Drawing


@dataclass(frozen=True, kw_only=True)
class FigureOptions:
    """The file of a figure and how it is drawn, as typed."""

    file: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE",
            help="The figure: .pdf, .svg or .png (default: a PDF in this folder; with --json no file).",
            show_default=False,
        ),
    ] = None
    width: Annotated[Width, typer.Option(help="Width of the figure: one column of two, or the page.")] = "page"
    title: Annotated[
        str, typer.Option(help="Title above the figure; in a paper use the caption instead.", metavar="TEXT")
    ] = ""

    def check(self) -> None:
        """Raise SpecError, before any work, if the file cannot be written or its suffix is not a known format."""
        if self.file is not None:
            _check(self.file)

    def deliver(self, drawing: Drawing, name: str, *, as_json: bool, values: Any = None) -> None:
        """Draw into the file, and say which; or print the data.

        name: of the file, without its ending, unless one was given. values: printed instead of all that is drawn.
        """
        from attnctl.reports.figures import save

        if as_json:
            output.document(values if values is not None else save.to_json(drawing))
        if self.file is None and as_json:
            return
        target = self.file if self.file is not None else Path(f"{name}.pdf")
        _check(target)
        save.save(drawing, target, self.width)
        output.note(f"written: {target}")


def _check(file: Path) -> None:
    from attnctl.cli.output_files import check_file
    from attnctl.reports.figures import save

    save.check_ending(file)
    check_file(file, force=True)
