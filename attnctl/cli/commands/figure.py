"""`attnctl figure`: a figure of a paper, from the runs."""

from __future__ import annotations

import shlex
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from attnctl.cli import completion, context, output
from attnctl.cli.drawing import trained_networks
from attnctl.cli.drawing.options import FigureOptions
from attnctl.cli.option_groups import Shown
from attnctl.values import SpecError, first_of

if TYPE_CHECKING:
    from attnctl.db import Index
    from attnctl.papers import Figure, Paper
    from attnctl.papers.runs import Overrides, Settings
    from attnctl.reports.figures.paper_figures import Material
    from attnctl.settings.config import Config
    from attnctl.workspace.records import Device

_NAMED = 8
"""The maximum number of rows that a message names."""


def figure(
    number: Annotated[
        str,
        typer.Argument(metavar="N|PAPER:N", help="The figure, such as 3, or ean:3.", autocompletion=completion.figures),
    ],
    *,
    paper: Annotated[
        str | None,
        typer.Option(
            help="The paper, or a paper file.",
            metavar="NAME|FILE",
            autocompletion=completion.papers,
            show_default=False,
        ),
    ] = None,
    inspected: Annotated[trained_networks.InspectOptions, Shown()],
    drawn: Annotated[FigureOptions, Shown(without=("rename",))],
    as_json: context.AsJson = False,
) -> None:
    """Draw a figure of a paper from your runs.

    The paper's values are drawn as hollow markers beside yours, unless your runs use another data set or backbone.
    Missing runs are listed with the command that trains them.

    Examples:
        attnctl figure ean:3 -o groups.pdf
    """
    drawn.check()
    images = inspected.files()
    config = context.config()
    with context.index() as index:
        index.refresh()
        material, settings = _material(index, number, paper)
        kind = material.figure.kind
        if images and kind != "cam":
            raise SpecError(f"--images is for activation maps; figure {material.figure.number} is a {kind} figure")
        with output.others_on_standard_error():
            drawing, values = _draw(config, material, images, inspected.device, settings)
    name = f"{material.paper.name.lower()}-figure-{material.figure.number}"
    drawn.deliver(replace(drawing, title=drawn.title), name, as_json=as_json, values=values)
    _print_missing(material, settings)
    if kind == "curves" and drawing.panels[0].targets and not as_json:
        from attnctl.cli.commands.plot import tell_reached

        tell_reached(drawing.panels[0])


def _draw(
    config: Config, material: Material, images: list[Path], device: Device, settings: Settings
) -> tuple[Any, Any]:
    """The drawing, and the values that --json prints instead of it, if any. Raises SpecError with advice."""
    from attnctl.cli.drawing import paper_figures
    from attnctl.reports.figures.paper_figures import NoResultsYet, build

    changed = any(cells.elsewhere for cells in material.cells)
    try:
        if material.figure.kind == "cam":
            return paper_figures.cam(config, material, images, device, instead=changed)
        if material.figure.kind == "histogram":
            return paper_figures.histogram(config, material, device, instead=changed)
        return build(material), None
    except NoResultsYet as error:
        raise SpecError(f"{error}; to train it: {_commands(material, settings)}") from error


def _material(index: Index, number: str, name: str | None) -> tuple[Material, Settings]:
    """The material of the figure, and the settings that replace the paper's in its runs."""
    from attnctl.cli.reporting import paper_tables
    from attnctl.papers.runs import cells_of, figure_cells
    from attnctl.reports.display_names import DisplayNames
    from attnctl.reports.figures import paper_figures

    paper, requested = paper_tables.chosen_figure(name, number, index)
    settings = _settings(index, paper, requested)
    cells = figure_cells(requested, paper, settings)
    baselines = {}
    for series in requested.settings.get("series", ()):
        row = paper_figures.baseline(paper, series)
        for item in cells_of(paper.tables[series["table"]], settings.default, (row.name,)) if row is not None else ():
            if series["column"] in item.columns:
                baselines[series["title"]] = item
    families = {spec.family for item in (*cells, *baselines.values()) for spec in item.specs}
    if any(item.elsewhere for item in cells) and requested.kind in {"sweep", "scatter"}:
        output.note(f"the numbers printed in {paper.name} are left out: they are for other data or networks")
    material = paper_figures.Material(
        paper=paper,
        figure=requested,
        cells=cells,
        plain=baselines,
        found=index.families(families),
        histories=index.history,
        backbone=settings.default.backbone,
        names=DisplayNames(context.config().names),
    )
    return material, settings


def _settings(index: Index, paper: Paper, figure: Figure) -> Settings:
    """What the figure's runs are trained with here: as its own sweeps asked, else as those of its tables."""
    from attnctl.cli.reporting import paper_tables
    from attnctl.papers.runs import Settings

    settings = paper_tables.settings_for(index, figure, paper=paper)
    if paper_tables.sweeps_of(index, figure) or index.families(paper_tables.families(figure, settings, paper)):
        return settings
    if panels := figure.settings.get("panels", ()):
        of_tables = {str(number): _of_table(index, paper, panel["table"]) for number, panel in enumerate(panels, 1)}
        return Settings(default=settings.default, parts={key: own for key, own in of_tables.items() if own is not None})
    sources = (*figure.settings.get("series", ()), {"table": figure.table})
    for number in dict.fromkeys(source["table"] for source in sources if source["table"]):
        if (own := _of_table(index, paper, number)) is not None:
            return Settings(default=own)
    return settings


def _of_table(index: Index, paper: Paper, number: str) -> Overrides | None:
    """What most rows of a table were asked for with; None if no sweep asked for any."""
    from attnctl.cli.reporting import paper_tables

    table = paper.tables[number]
    return paper_tables.settings_for(index, table).default if paper_tables.sweeps_of(index, table) else None


def _print_missing(material: Material, settings: Settings) -> None:
    """Print the rows without a completed run with the command that trains them, and those that cannot be trained."""
    from attnctl.reports.figures import paper_figures

    missing, untrainable = paper_figures.unfinished(material)
    for reason, names in untrainable.items():
        output.note(f"{_rows(names)}: {reason}")
    if missing:
        output.note(f"not trained yet: {_rows(missing)}; to train them: {_commands(material, settings)}")


def _rows(names: list[str]) -> str:
    return first_of(names, _NAMED)


def _commands(material: Material, settings: Settings) -> str:
    """The commands that train what is missing: one for the figure, or one for each panel with its own settings."""
    paper, figure = material.paper, material.figure
    name = f"{paper.file or paper.name.lower()}:{figure.number}"
    words = ["attnctl", "sweep", "--figure", name]
    panels = range(1, len(figure.settings.get("panels", ())) + 1)
    if len({settings.of(str(number)).key for number in panels}) < 2:
        return shlex.join([*words, *settings.of("1").options()])
    from attnctl.reports.figures import paper_figures

    return " and ".join(
        shlex.join([*words, "--panel", str(number), *settings.of(str(number)).options()])
        for number in panels
        if paper_figures.is_missing(material, number)
    )
