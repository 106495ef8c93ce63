"""The options of `sweep` that ask for a paper's table or figure instead of modules."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from attnctl.cli import completion
from attnctl.cli.sweeping import dynamic_options
from attnctl.cli.sweeping.axes import addresses
from attnctl.cli.sweeping.axis_options import GridOptions
from attnctl.cli.sweeping.synthesis import option_names
from attnctl.values import SpecError, comma_join, convert, format_value, split_list

if TYPE_CHECKING:
    from attnctl.cli.sweeping.init_options import InitOptions
    from attnctl.cli.sweeping.selection import Selection
    from attnctl.papers import PaperTable
    from attnctl.papers.beside import Beside
    from attnctl.settings.config import Config
    from attnctl.sources.signature import ModuleSource

PANEL = "Instead of MODULE: a paper's table or figure"

TABLE = ("--paper", "--table", "--figure")

_OWN = "a paper's figure has hyperparameters of its own; leave it out, or sweep MODULE or --table instead"


_NO_ROW = "no module of this table has that hyperparameter; write the table as --table PAPER:N before it"


@dataclass(frozen=True, kw_only=True)
class PaperOptions:
    """The options as typed; None if not given."""

    paper: Annotated[
        str | None,
        typer.Option(
            help="A paper, or a paper file, for --table or --figure.",
            rich_help_panel=PANEL,
            metavar="NAME|FILE",
            autocompletion=completion.papers,
        ),
    ] = None
    table: Annotated[
        str | None,
        typer.Option(
            help="The rows of this table, such as 2 or ean:2.",
            rich_help_panel=PANEL,
            metavar="[PAPER:]N",
            autocompletion=completion.tables,
        ),
    ] = None
    figure: Annotated[
        str | None,
        typer.Option(
            help="The rows of this figure, such as 3 or ean:3.",
            rich_help_panel=PANEL,
            metavar="[PAPER:]N",
            autocompletion=completion.figures,
        ),
    ] = None
    rows: Annotated[
        str | None,
        typer.Option(
            help="Only these rows of the table: names or globs such as '*EAN*' (comma list).",
            rich_help_panel=PANEL,
            metavar="NAMES",
        ),
    ] = None
    also_placement: Annotated[
        str | None,
        typer.Option(
            "--also-placement",
            help="Train the table's rows with modules at these places too, as rows of their own (comma list).",
            rich_help_panel=PANEL,
            metavar="NAMES",
            autocompletion=completion.placements,
        ),
    ] = None

    panel: Annotated[
        str | None,
        typer.Option(
            help="Only these panels of the figure, such as 1 or 1,3: each can have its own --dataset, --epochs ...",
            rich_help_panel=PANEL,
            metavar="N,N,...",
        ),
    ] = None

    select: Annotated[
        Literal["test", "val"] | None,
        typer.Option(
            help="Where a row's best learning rate is chosen: on the test set, or on held-out training images (val).",
            rich_help_panel=PANEL,
        ),
    ] = None

    def check(self, modules: str | None, parameters: Sequence[str] | None) -> None:
        """Raise SpecError unless one of modules, a table or a figure is given, with options that apply to it."""
        asked = [name for name in (*TABLE, "--rows", "--panel") if getattr(self, name.removeprefix("--")) is not None]
        if modules is not None and asked:
            raise SpecError(
                f"{comma_join(asked)} and MODULE {modules!r}: give either a paper's table or modules, not both"
            )
        if modules is None and not asked:
            raise SpecError("missing MODULE or --table: name a module, such as ela, or a table, such as --table ela:5")
        if self.table is not None and self.figure is not None:
            raise SpecError("give either --table or --figure, not both")
        if modules is None and self.table is None and self.figure is None:
            raise SpecError(self._which())
        if self.rows is not None and self.table is None:
            raise SpecError("--rows needs --table")
        if self.panel is not None and self.figure is None:
            raise SpecError("--panel needs --figure")
        if self.select is not None and self.table is None:
            raise SpecError("--select needs --table")
        if self.also_placement is not None and self.table is None:
            raise SpecError("--also-placement needs --table")
        if self.figure is not None and parameters:
            raise SpecError(f"-p {parameters[0]}: {_OWN}")

    def selection(
        self, config: Config, grid: GridOptions, dynamic: dynamic_options.Dynamic, initial: InitOptions
    ) -> Selection:
        """The runs, with what was typed of the grid instead of what the paper has; raises SpecError.

        Of the defaults in attnctl.toml only the seed counts: what a paper has overrules them.
        """
        from attnctl.cli.reporting import base_settings, paper_tables
        from attnctl.cli.sweeping import init_weights, selection
        from attnctl.papers.runs import chosen_rows

        seeds = grid.seed
        if seeds is None and "seed" in config.defaults:
            seeds = [format_value(config.defaults["seed"])]
        overrides = paper_tables.OverrideOptions(
            model=grid.model,
            backbone=grid.backbone,
            placement=grid.placement,
            dataset=grid.dataset,
            recipe=grid.recipe,
            fields={name: ",".join(split_list(value, name)) for name, value in dynamic.recipe.items()},
            seeds=seeds,
            select="val" if self.select == "val" else "",
        ).overrides()
        weights = initial.weights(config.workspace)
        asked = weights.overrides()
        overrides = replace(overrides, init=asked.init, inits=asked.inits, partial=asked.partial)
        if self.figure is not None:
            paper, figure = paper_tables.find_figure(self.paper, self.figure, config.workspace)
            panels = tuple(_panel(word) for word in split_list(self.panel, "--panel")) if self.panel is not None else ()
            tables: list[PaperTable] = [*paper.tables.values()]
            overrides = base_settings.of_tables(tables, overrides, initial.base_overrides(), config.workspace)
            name = paper_tables.recorded_name(paper, config.workspace)
            return selection.of_figure(paper, name, figure, overrides, panels, weights.files)
        paper, table = paper_tables.find_table(self.paper, self.table or "", config.workspace)
        globs = split_list(self.rows, "--rows") if self.rows is not None else ()
        init_weights.check_patterns(weights, [row.name for row in chosen_rows(table, globs)])
        overrides = base_settings.of_tables([table], overrides, initial.base_overrides(), config.workspace)
        name = paper_tables.recorded_name(paper, config.workspace)
        beside = self._beside(grid, dynamic)
        return selection.of_table(paper, name, table, overrides, globs, beside, config.workspace, weights.files)

    def _beside(self, grid: GridOptions, dynamic: dynamic_options.Dynamic) -> Beside:
        """What other rows are to stand beside the table's; raises SpecError."""
        from attnctl.papers.beside import Beside

        if self.also_placement is not None and grid.placement is not None:
            raise SpecError("give either --placement, for all rows, or --also-placement, for rows beside them")
        return Beside(
            hyperparameters={
                name: split_list(value, dynamic_options.option_name(name))
                for name, value in dynamic.hyperparameters.items()
            },
            addressed=addresses(grid.parameter or ()),
            placements=split_list(self.also_placement, "--also-placement") if self.also_placement is not None else (),
        )

    def _which(self) -> str:
        """The message for a --paper without --table or --figure; raises SpecError for an unknown paper."""
        if self.paper is None:
            return "--rows needs --table, such as --table ela:5"
        from attnctl import papers

        found = papers.load(self.paper)
        figures = f" or --figure ({comma_join(found.figures)})" if found.figures else ""
        return f"--paper {self.paper} needs --table ({comma_join(found.tables)}){figures}"


def _panel(word: str) -> int:
    number = convert(word, int, "--panel")
    assert isinstance(number, int)
    return number


def table_modules(words: Sequence[str]) -> list[ModuleSource]:
    """The modules of the table that a command line names, whose hyperparameters are options then; else none.

    Silent about a paper or a table that there is not: the command says so.
    """
    given = {word: value for word, value in pairwise(words) if word.startswith("--")}
    given |= {name: value for name, equals, value in (word.partition("=") for word in words) if equals}
    if "--table" not in given:
        return []
    from attnctl import attention, papers
    from attnctl.sources.combination import parts_of

    paper, colon, number = given["--table"].rpartition(":")
    modules: dict[str, ModuleSource] = {}
    with suppress(SpecError):
        loaded = papers.load(paper if colon else given.get("--paper", ""))
        rows = loaded.tables[number].rows if number in loaded.tables else ()
        for name in dict.fromkeys(row.setup.module for row in rows if not row.baseline):
            modules |= {part.name: part for part in parts_of(attention.describe(name))}
    return list(modules.values())


def check_hyperparameters(words: Sequence[str], command: Callable[..., object]) -> None:
    """Raise SpecError for a hyperparameter that no row has, or of a figure, in place of Typer's unknown option."""
    if not any(word.partition("=")[0] in TABLE for word in words):
        return
    known = {name for item in inspect.signature(command).parameters.values() for name in option_names(item)}
    unknown = [name for word in words if word.startswith("--") and (name := word.partition("=")[0]) not in known]
    if unknown:
        from attnctl import attention

        own = {item.name for module in attention.names() for item in attention.describe(module).hyperparameters}
        figure = any(word.partition("=")[0] == "--figure" for word in words)
        for name in unknown:
            if name in map(dynamic_options.option_name, own):
                raise SpecError(f"{name}: {_OWN if figure else _NO_ROW}")
