"""The options that several commands take, declared once: the axes of a grid, and the place of one network."""

from __future__ import annotations

from typing import Annotated

import typer

from attnctl.cli import completion

AXES = "Axes (comma lists)"

Backbones = Annotated[
    list[str] | None,
    typer.Option(
        help="Networks; the model's or the data set's own unless named.",
        rich_help_panel=AXES,
        metavar="VALUES",
        autocompletion=completion.backbones,
    ),
]
Models = Annotated[
    list[str] | None,
    typer.Option(
        help="Detectors or segmentation networks around the backbone; without it a classifier.",
        rich_help_panel=AXES,
        metavar="VALUES",
        autocompletion=completion.models,
    ),
]
Datasets = Annotated[
    list[str] | None,
    typer.Option(
        help="Data sets; digits unless named.",
        rich_help_panel=AXES,
        metavar="VALUES",
        autocompletion=completion.datasets,
    ),
]
Placements = Annotated[
    list[str] | None,
    typer.Option(
        help="Where in the network; block unless named.",
        rich_help_panel=AXES,
        metavar="VALUES",
        autocompletion=completion.placements,
    ),
]
Seeds = Annotated[
    list[str] | None,
    typer.Option(help="Seeds, such as 0,1,2 or 0..4 (default: 0).", rich_help_panel=AXES, metavar="VALUES"),
]
Backbone = Annotated[
    str | None, typer.Option(help="Networks; the data set's own unless named.", autocompletion=completion.backbones)
]
Model = Annotated[
    str | None,
    typer.Option(
        help="A detector or segmentation network around the backbone.",
        show_default=False,
        autocompletion=completion.models,
    ),
]
Dataset = Annotated[str, typer.Option(help="Whose classes and image size.", autocompletion=completion.datasets)]
Placement = Annotated[str, typer.Option(help="Where in the network.", autocompletion=completion.placements)]
Parameters = Annotated[
    list[str] | None, typer.Option("--parameter", "-p", help="Of one module, such as ela.kernel=5,7.")
]
