"""The options of `attnctl report`, in three groups: what is shown, what is behind it, and how it is written."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from attnctl.cli import completion, context
from attnctl.cli.run_filter import NO_FILTER, RunFilter
from attnctl.values import SpecError, convert, split_list, split_seeds

if TYPE_CHECKING:
    from collections.abc import Sequence

    from attnctl.cli.reporting.request import Request
    from attnctl.reports.formats import Format
    from attnctl.reports.latex import Layout
    from attnctl.reports.table import ReportTable

FORMATS = ("terminal", "markdown", "latex", "html", "csv", "json")

LONGEST = 2000
"""Characters of a caption."""

LABEL = re.compile(r"\w[\w:./+-]{0,99}", re.ASCII)

WHAT, BEHIND = "What is shown", "What is behind it"

PaperOrFile = Annotated[
    str,
    typer.Argument(
        metavar="PAPER|FILE", help="A paper, or a paper file.", show_default=False, autocompletion=completion.papers
    ),
]

Rows = Annotated[
    list[str] | None,
    typer.Option(help="Only these rows: names or globs such as '*EAN*' (comma list).", metavar="NAMES"),
]

TrainedColumn = Annotated[
    str | None,
    typer.Option(help="The trained column, such as top1 (default: the first).", metavar="KEY", show_default=False),
]

Tables = Annotated[
    list[str] | None,
    typer.Option(help="Only these tables, such as 2 or 2,3 (default: all).", metavar="N,N,...", show_default=False),
]


def table_numbers(tables: Tables) -> list[str]:
    """The numbers of the tables as typed; empty for all. Raises SpecError."""
    return [number for text in tables or () for number in split_list(text, "--table")]


@dataclass(frozen=True, kw_only=True)
class ShownOptions:
    """The table, its rows and its columns, as typed."""

    table: Annotated[
        str | None,
        typer.Option(
            help="A paper's table: ela:3, or 3 for the paper swept in this workspace.",
            rich_help_panel=WHAT,
            metavar="[PAPER:]N",
            autocompletion=completion.tables,
        ),
    ] = None
    paper: Annotated[
        str | None,
        typer.Option(
            help="The paper of --table, or a paper file.",
            rich_help_panel=WHAT,
            metavar="NAME|FILE",
            autocompletion=completion.papers,
        ),
    ] = None
    rows: Annotated[
        list[str] | None,
        typer.Option(
            help="Only these rows: names or globs such as '*EAN*' (comma list).", rich_help_panel=WHAT, metavar="NAMES"
        ),
    ] = None
    columns: Annotated[
        list[str] | None,
        typer.Option(
            help="Columns in this order: KEY, KEY.PART or .PART, such as top1,params.exact or .measured.",
            rich_help_panel=WHAT,
            metavar="KEYS",
            autocompletion=completion.columns,
        ),
    ] = None
    seed: Annotated[
        list[str] | None,
        typer.Option(help="Only these seeds, such as 0,1 or 0..4.", rich_help_panel=WHAT, metavar="N,N,..."),
    ] = None
    epoch: Annotated[
        Literal["last", "best"],
        typer.Option(help="Report the last epoch, or the one with the highest top-1.", rich_help_panel=WHAT),
    ] = "last"
    evaluated: Annotated[
        list[str] | None,
        typer.Option(
            "--eval",
            help="Add columns with the accuracy on these data sets, as `attnctl eval` found it.",
            rich_help_panel=WHAT,
            metavar="NAMES",
        ),
    ] = None
    sort: Annotated[
        str | None,
        typer.Option(
            help="Sort the rows of each group by a column; -KEY sorts descending.",
            rich_help_panel=WHAT,
            metavar="KEY",
            autocompletion=completion.sort_keys,
        ),
    ] = None
    order: Annotated[
        Literal["asked", "name", "metric", "rows"] | None,
        typer.Option(
            help="Order of rows: as the sweep asked for them, by name, best first, or as --rows names them.",
            rich_help_panel=WHAT,
        ),
    ] = None
    statistics: Annotated[
        bool,
        typer.Option(
            "--statistics",
            help="Add p values, the share of better seeds and, from 8 seeds on, bootstrap intervals.",
            rich_help_panel=WHAT,
        ),
    ] = False
    rename: Annotated[
        list[str] | None,
        typer.Option(
            help="Show another name: se=SE-Net, 'ela kernel=7=ELA-L' or none=Baseline ([names] keeps them).",
            rich_help_panel=WHAT,
            metavar="TYPED=SHOWN",
        ),
    ] = None
    unpaired: Annotated[
        bool,
        typer.Option(
            "--unpaired",
            help="Give gains Welch's interval, even where rows share seeds.",
            rich_help_panel=WHAT,
        ),
    ] = False
    spread: Annotated[
        Literal["sd", "se", "ci", "none"] | None,
        typer.Option(
            help="Beside means: standard deviation (default), standard error, 95 % interval, or nothing.",
            rich_help_panel=WHAT,
        ),
    ] = None
    spread_as: Annotated[
        Literal["pm", "parens", "interval"] | None,
        typer.Option(help="As ± 0.12 (default), as (12), or as [93.1, 93.4].", rich_help_panel=WHAT),
    ] = None
    decimals: Annotated[
        list[str] | None,
        typer.Option(
            help="Decimals of trained columns, or of one: 1 or top1=1,params=2.",
            rich_help_panel=WHAT,
            metavar="[KEY=]N,...",
        ),
    ] = None
    pivot: Annotated[
        str | None,
        typer.Option(
            help="Columns by backbone, dataset, placement, sweep, a hyperparameter or a recipe field.",
            rich_help_panel=WHAT,
            metavar="KEY",
            autocompletion=completion.pivot_axes,
        ),
    ] = None
    transpose: Annotated[
        bool,
        typer.Option("--transpose", help="With --pivot: the axis in the rows.", rich_help_panel=WHAT),
    ] = False
    delta: Annotated[
        bool,
        typer.Option("--delta", help="With --pivot: add differences to the first value.", rich_help_panel=WHAT),
    ] = False
    all_versions: Annotated[
        bool,
        typer.Option(
            "--all-versions",
            help="Also show rows of older versions of a user's code, with their dates.",
            rich_help_panel=WHAT,
        ),
    ] = False

    def request(self, sweeps: Sequence[str], *, missing: bool, kept: RunFilter = NO_FILTER) -> Request:
        """The report that was asked for; raises SpecError. missing: as `Request` has it."""
        from attnctl.cli.reporting.request import Request
        from attnctl.reports import display_names, selection

        if self.sort == "":
            raise SpecError("--sort is empty; leave it out, or name a column")
        if self.all_versions and self.table is not None:
            raise SpecError("--all-versions is for a comparison; a paper's table shows one version of each row")
        if self.rename and self.table is not None:
            raise SpecError("--rename is for a comparison; a paper's table has the paper's names")
        fixed = self.table is not None or bool(self.evaluated)
        rows = words_of(self.rows, "--rows")
        options = selection.Options(
            pivot=selection.pivot(self.pivot, transpose=self.transpose, delta=self.delta, fixed=fixed),
            rows=rows,
            columns=words_of(self.columns, "--columns"),
            seeds=tuple(_seed(part) for given in self.seed or () for part in split_seeds(given)),
            epoch=self.epoch,
            sort=self.sort or "",
            order=selection.order(self.order, sort=self.sort or "", rows=rows, paper=self.table is not None),
            decimals=_decimals(words_of(self.decimals, "--decimals")),
            names=display_names.DisplayNames(dict(context.config().names) | display_names.parsed(self.rename or ())),
            unpaired=self.unpaired,
            statistics=self.statistics,
            all_versions=self.all_versions,
        )
        return Request(
            sweeps=tuple(sweeps),
            kept=kept,
            table=self.table,
            paper=self.paper,
            options=options,
            missing=missing,
            evaluated=words_of(self.evaluated, "--eval"),
        )

    def styled(self, table: ReportTable, form: Format) -> ReportTable:
        """The table with the asked spreads. Raises SpecError for a format that has the values themselves."""
        from attnctl.reports.spreads import with_spreads

        if self.spread is None and self.spread_as is None:
            return table
        if not form.read:
            raise SpecError("--spread and --spread-as are for tables that are read; CSV and JSON hold the values")
        return with_spreads(table, self.spread or "sd", self.spread_as or "pm")


@dataclass(frozen=True, kw_only=True)
class BehindOptions:
    """The options that show or freeze what is behind a table, as typed."""

    lock: Annotated[
        Path | None,
        typer.Option(
            help="Freeze the report in FILE, or show the frozen report if FILE exists and its runs are unchanged.",
            rich_help_panel=BEHIND,
            metavar="FILE",
            show_default=False,
        ),
    ] = None
    missing: Annotated[
        bool,
        typer.Option("--missing", help="Print the commands that train the missing cells.", rich_help_panel=BEHIND),
    ] = False
    provenance: Annotated[
        bool,
        typer.Option(
            "--provenance",
            help="Print the runs, attempts, commits, machines and versions behind each number.",
            rich_help_panel=BEHIND,
        ),
    ] = False
    cell: Annotated[
        str | None,
        typer.Option(
            help="With --provenance: only these cells (names or globs).",
            rich_help_panel=BEHIND,
            metavar="ROW[:COLUMN]",
            show_default=False,
        ),
    ] = None

    @property
    def origins(self) -> bool:
        """Whether the provenance of the numbers is printed instead of the table."""
        return self.provenance or self.cell is not None

    def check(self, file: Path | None) -> None:
        """Raise SpecError for options that exclude each other. file: that of -o."""
        if self.cell == "":
            raise SpecError("--cell is empty; leave it out, or name a column")
        if (self.missing and self.origins) or ((self.missing or self.origins) and file is not None):
            raise SpecError("--missing and --provenance replace the table; give only one of them, without -o")


@dataclass(frozen=True, kw_only=True)
class FormatOptions:
    """The file and its format, as typed."""

    format: Annotated[
        str | None,
        typer.Option(
            "--format",
            "-f",
            metavar="|".join(FORMATS),
            help="Output format (default: from the -o suffix, else terminal).",
            show_default=False,
        ),
    ] = None
    standalone: Annotated[bool, typer.Option("--standalone", help="LaTeX: a complete document.")] = False
    macros: Annotated[bool, typer.Option("--macros", help="LaTeX: one macro for each number.")] = False
    caption: Annotated[
        str | None, typer.Option(help="The table's title (LaTeX: its caption).", metavar="TEXT", show_default=False)
    ] = None
    label: Annotated[
        str | None,
        typer.Option(help="LaTeX: the label, and what macros begin with.", metavar="TEXT", show_default=False),
    ] = None
    position: Annotated[
        str | None, typer.Option(help="LaTeX: where the table floats, such as t.", metavar="htbp", show_default=False)
    ] = None
    star: Annotated[
        bool | None,
        typer.Option(
            "--star/--no-star",
            help="LaTeX: table* across both columns, or table (default: by the table's width).",
            show_default=False,
        ),
    ] = None
    notes: Annotated[
        Literal["below", "threeparttable", "none"],
        typer.Option(help="LaTeX: below the table, in a threeparttable, or no notes and marks."),
    ] = "below"
    cite: Annotated[
        bool, typer.Option("--cite", help="LaTeX: cite the papers of rows and modules that the papers' files name.")
    ] = False
    file: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="FILE", help="Write to FILE.", show_default=False),
    ] = None

    def form(self, *, as_json: bool) -> Format:
        """The format: the given one, else that of the file's suffix. Raises SpecError."""
        if self.caption is not None and not (0 < len(self.caption.strip()) <= LONGEST and self.caption.isprintable()):
            raise SpecError(f"--caption must be one line of 1 to {LONGEST} characters")
        if self.label is not None and not LABEL.fullmatch(self.label):
            raise SpecError(f"--label {self.label[:40]!r}: use letters, digits and : . / + - _, such as tab:gates")
        if self.position == "":
            raise SpecError("--position is empty; leave it out, or write t or htbp")
        if self.standalone and self.macros:
            raise SpecError("--standalone and --macros are different documents; give only one of them")
        found = self._form(as_json=as_json)
        return replace(found, layout=self._layout(found)) if self._in_latex else found

    def titled(self, table: ReportTable) -> ReportTable:
        """The table with the given caption and label."""
        title = table.title if self.caption is None else self.caption
        return replace(table, title=title, label=self.label or table.label)

    @property
    def _in_latex(self) -> bool:
        """Whether an option of a LaTeX table was given."""
        return bool(self.position or self.star is not None or self.notes != "below" or self.cite)

    def _layout(self, form: Format) -> Layout:
        from attnctl.reports import latex

        if not form.printed:
            raise SpecError("--position, --star, --notes and --cite apply to LaTeX; write to a .tex file")
        if self.position and not latex.POSITION.fullmatch(self.position):
            raise SpecError(f"--position {self.position!r}: use letters of LaTeX's, such as t or htbp")
        return latex.Layout(star=self.star, position=self.position or "", notes=self.notes, cite=self.cite)

    def _form(self, *, as_json: bool) -> Format:
        from attnctl.reports import formats

        variant = "standalone" if self.standalone else "macros" if self.macros else ""
        chosen = "json" if as_json else self.format
        if chosen is not None:
            return formats.named(chosen, variant)
        if self.file is not None:
            return formats.of_file(self.file, variant)
        return formats.named("latex" if variant else "terminal", variant)


def words_of(given: Sequence[str] | None, option: str) -> tuple[str, ...]:
    """The words of an option that may be typed several times, as comma lists. Raises SpecError."""
    return tuple(part for text in given or () for part in split_list(text, option))


def _decimals(words: Sequence[str]) -> tuple[tuple[str, int], ...]:
    found = tuple(map(_digits, words))
    keys = [key for key, _ in found]
    twice = next((word for word, key in zip(words, keys, strict=True) if keys.count(key) > 1), None)
    if twice is not None:
        raise SpecError(f"--decimals {','.join(words)[:40]!r}: {twice} and another one are for the same columns")
    return found


def _digits(word: str) -> tuple[str, int]:
    """`top1=1` as a column and its decimals; `1` as those of all trained columns."""
    from attnctl.reports.selection import MOST_DECIMALS

    key, equals, digits = word.rpartition("=")
    if not (digits.isascii() and digits.isdecimal() and int(digits[:3]) <= MOST_DECIMALS) or bool(equals) != bool(key):
        raise SpecError(f"--decimals {word[:40]!r}: write 0 to {MOST_DECIMALS}, or KEY=N such as top1=1")
    return key, int(digits)


def _seed(word: str) -> int:
    seed = convert(word, int, "--seed")
    assert isinstance(seed, int)
    return seed
