"""The options that several commands take, declared once: the axes of a grid, and the place of one network."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

import typer

from attnctl.cli import completion, value_names
from attnctl.cli.sweeping import dynamic_options

AXES = "Axes (comma lists)"
ADDRESSED = "MODULE.NAME=VALUES"


@dataclass(frozen=True, kw_only=True)
class GridOptions:
    """The axes of a grid beside its modules, and its recipe, as typed; None is what was not."""

    model: Annotated[
        list[str] | None,
        typer.Option(
            help="Detectors or segmentation networks around the backbone (default: a classifier).",
            rich_help_panel=AXES,
            metavar="NAMES",
            autocompletion=completion.models,
        ),
    ] = None
    backbone: Annotated[
        list[str] | None,
        typer.Option(
            help="Backbones (default: that of the model or the data set).",
            rich_help_panel=AXES,
            metavar="NAMES",
            autocompletion=completion.backbones,
        ),
    ] = None
    dataset: Annotated[
        list[str] | None,
        typer.Option(
            help="Data sets, or your own folders such as ./flowers (default: digits).",
            rich_help_panel=AXES,
            metavar="NAMES",
            autocompletion=completion.datasets,
        ),
    ] = None
    placement: Annotated[
        list[str] | None,
        typer.Option(
            help="Where to insert the module (default: block).",
            rich_help_panel=AXES,
            metavar="NAMES",
            autocompletion=completion.placements,
        ),
    ] = None
    seed: Annotated[
        list[str] | None,
        typer.Option(
            help="Seeds, such as 0,1,2 or 0..4 (default: 0).", rich_help_panel=AXES, metavar=value_names.NUMBERS
        ),
    ] = None
    parameter: Annotated[
        list[str] | None,
        typer.Option(
            "--parameter",
            "-p",
            help="Hyperparameter of one module, such as ela.kernel=5,7.",
            rich_help_panel=AXES,
            metavar=ADDRESSED,
            autocompletion=completion.parameters,
        ),
    ] = None
    recipe: Annotated[
        str | None,
        typer.Option(
            help="How to train; the options below override its values.",
            rich_help_panel=dynamic_options.RECIPE,
            metavar="NAME|FILE",
            autocompletion=completion.recipes,
        ),
    ] = None

    @property
    def given(self) -> dict[str, Sequence[str] | None]:
        """The axes by their names."""
        return {name: getattr(self, name) for name in ("model", "backbone", "dataset", "placement", "seed")}


Backbone = Annotated[
    str | None,
    typer.Option(
        help="Backbones (default: that of the data set).", metavar="NAMES", autocompletion=completion.backbones
    ),
]
Model = Annotated[
    str | None,
    typer.Option(
        help="A detector or segmentation network around the backbone.",
        metavar="NAME",
        show_default=False,
        autocompletion=completion.models,
    ),
]
Dataset = Annotated[
    str,
    typer.Option(
        help="Data set whose classes and image size to use.", metavar="NAME", autocompletion=completion.datasets
    ),
]
Placement = Annotated[
    str,
    typer.Option(
        help="Where to insert the module; several places: conv2+stage.",
        metavar="NAMES",
        autocompletion=completion.placements,
    ),
]
Parameters = Annotated[
    list[str] | None,
    typer.Option(
        "--parameter",
        "-p",
        help="Hyperparameter of one module, such as ela.kernel=5,7.",
        metavar=ADDRESSED,
        autocompletion=completion.parameters,
    ),
]
