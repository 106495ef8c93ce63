"""The options of a figure that all drawing commands share, and writing the figure or its data."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from attnctl.cli import context, output
from attnctl.reports.figures.data import COLUMN, PAGE, PrintStyle
from attnctl.values import SpecError

if TYPE_CHECKING:
    from attnctl.reports.display_names import DisplayNames
    from attnctl.reports.figures.data import Drawing


_WIDTHS = {"column": COLUMN, "page": PAGE}
_MILLIMETRES = (40, 500)


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
    width: Annotated[
        str,
        typer.Option(help="Width in print: one column of two, the page, or millimetres.", metavar="column|page|MM"),
    ] = "page"
    font: Annotated[
        str, typer.Option(help="Font of all texts: sans, times, or a font of this machine.", metavar="NAME")
    ] = "sans"
    rename: Annotated[
        list[str] | None,
        typer.Option(
            help="Show another name: se=SE-Net, 'ela kernel=7=ELA-L' or none=Baseline ([names] keeps them).",
            metavar="TYPED=SHOWN",
            show_default=False,
        ),
    ] = None
    title: Annotated[
        str, typer.Option(help="Title above the figure; in a paper use the caption instead.", metavar="TEXT")
    ] = ""

    def check(self) -> None:
        """Raise SpecError, before any work, for an option that no figure can have or a file that cannot be written."""
        self.printed()
        self.names()
        if self.file is not None:
            _check(self.file)

    def printed(self) -> PrintStyle:
        """How the figure is set; raises SpecError."""
        from attnctl.reports.figures import fonts

        fonts.family(self.font)
        return PrintStyle(inches=_inches(self.width), font=self.font)

    def names(self) -> DisplayNames:
        """What modules, networks and data sets are called; raises SpecError."""
        from attnctl.reports import display_names

        return display_names.DisplayNames(dict(context.config().names) | display_names.parsed(self.rename or ()))

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
        save.save(drawing, target, self.printed())
        output.note(f"written: {target}")


def _inches(text: str) -> float:
    """The width of --width."""
    if text in _WIDTHS:
        return _WIDTHS[text]
    least, most = _MILLIMETRES
    try:
        millimetres = float(text)
    except ValueError:
        millimetres = math.nan
    if not least <= millimetres <= most:
        raise SpecError(f"--width {text[:60]!r}: use column, page, or millimetres from {least} to {most}")
    return millimetres / 25.4


def _check(file: Path) -> None:
    from attnctl.cli.output_files import check_file
    from attnctl.reports.figures import save

    save.check_ending(file)
    check_file(file, force=True)
