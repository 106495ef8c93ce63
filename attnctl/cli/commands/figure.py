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
from attnctl.values import SpecError, comma_join

if TYPE_CHECKING:
    from attnctl.db import Index
    from attnctl.papers import Figure, Paper
    from attnctl.papers.runs import Overrides
    from attnctl.reports.figures.paper_figures import Material
    from attnctl.settings.config import Config
    from attnctl.workspace.records import Device

_NAMED = 8
"""More rows than this are counted, not named."""


def figure(
    number: Annotated[str, typer.Argument(metavar="N|PAPER:N", help="The figure, such as 3, or ean:3.")],
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
    drawn: Annotated[FigureOptions, Shown()],
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
        material, overrides = _material(index, number, paper)
        kind = material.figure.kind
        if images and kind != "cam":
            raise SpecError(f"--images is for activation maps; figure {material.figure.number} is a {kind} figure")
        made, values = _drawn(config, material, images, inspected.device, overrides)
    name = f"{material.paper.name.lower()}-figure-{material.figure.number}"
    drawn.deliver(replace(made, title=drawn.title), name, as_json=as_json, values=values)
    _tell_missing(material, overrides)
    if kind == "curves" and made.panels[0].targets and not as_json:
        from attnctl.cli.commands.plot import tell_reached

        tell_reached(made.panels[0])


def _drawn(
    config: Config, material: Material, images: list[Path], device: Device, overrides: Overrides
) -> tuple[Any, Any]:
    """The drawing, and what --json prints instead of all that is drawn. Raises SpecError, with what would help."""
    from attnctl.cli.drawing import paper_figures
    from attnctl.reports.figures.paper_figures import NoResultsYet, build

    instead = bool(overrides.model or overrides.backbone or overrides.dataset)
    try:
        if material.figure.kind == "cam":
            return paper_figures.cam(config, material, images, device, instead=instead)
        if material.figure.kind == "histogram":
            return paper_figures.histogram(config, material, device, instead=instead)
        return build(material), None
    except NoResultsYet as error:
        raise SpecError(f"{error}; to train it: {_command(material, overrides)}") from error


def _material(index: Index, number: str, name: str | None) -> tuple[Material, Overrides]:
    """What the figure is drawn from, and what its runs have instead of what the paper has."""
    from attnctl.cli.reporting import paper_tables
    from attnctl.papers.runs import cells_of, figure_cells
    from attnctl.reports.figures import paper_figures

    paper, found = paper_tables.chosen_figure(name, number, index)
    overrides = _overrides(index, paper, found)
    cells = figure_cells(found, paper, overrides)
    plain = {}
    for series in found.settings.get("series", ()):
        row = paper_figures.baseline(paper, series)
        for item in cells_of(paper.tables[series["table"]], overrides, (row.name,)) if row is not None else ():
            if series["column"] in item.columns:
                plain[series["title"]] = item
    families = {spec.family for item in (*cells, *plain.values()) for spec in item.specs}
    own = not (overrides.dataset or overrides.model or overrides.backbone)
    if not own and found.kind in {"sweep", "scatter"}:
        output.note(f"the numbers printed in {paper.name} are left out: they are for other data or networks")
    material = paper_figures.Material(
        paper=paper,
        figure=found,
        cells=cells,
        plain=plain,
        found=index.families(families),
        histories=index.history,
        asked={int(seed) for seed in overrides.seeds},
        backbone=overrides.backbone,
        published=own,
    )
    return material, overrides


def _overrides(index: Index, paper: Paper, figure: Figure) -> Overrides:
    """What the figure's runs are trained with here: as its own sweeps say, else those of its tables."""
    from attnctl.cli.reporting import paper_tables

    overrides = paper_tables.overrides_for(index, figure, paper=paper)
    if paper_tables.sweeps_of(index, figure) or index.families(paper_tables.families(figure, overrides, paper)):
        return overrides
    parts = (*figure.settings.get("panels", ()), *figure.settings.get("series", ()), {"table": figure.table})
    for number in dict.fromkeys(part["table"] for part in parts if part["table"]):
        if paper_tables.sweeps_of(index, paper.tables[number]):
            return paper_tables.overrides_for(index, paper.tables[number])
    return overrides


def _tell_missing(material: Material, overrides: Overrides) -> None:
    """Say which rows have no completed run, and what trains them; which cannot be trained, and why."""
    from attnctl.reports.figures import paper_figures

    missing, barred = paper_figures.unfinished(material)
    for reason, names in barred.items():
        output.note(f"{_rows(names)}: {reason}")
    if missing:
        output.note(f"not trained yet: {_rows(missing)}; to train them: {_command(material, overrides)}")


def _rows(names: list[str]) -> str:
    return comma_join(names) if len(names) <= _NAMED else f"{comma_join(names[:_NAMED])} and {len(names) - _NAMED} more"


def _command(material: Material, overrides: Overrides) -> str:
    paper = material.paper
    name = f"{paper.file or paper.name.lower()}:{material.figure.number}"
    return shlex.join(["attnctl", "sweep", "--figure", name, *overrides.options()])
