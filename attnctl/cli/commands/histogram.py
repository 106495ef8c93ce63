"""`attnctl histogram`: how layers, or the attention in them, respond to images of each class."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated

import typer

from attnctl.cli import context, output
from attnctl.cli.drawing import response_histograms, trained_networks
from attnctl.cli.drawing.options import FigureOptions
from attnctl.cli.option_groups import Shown
from attnctl.cli.table_layout import Column
from attnctl.values import SpecError, convert, split_list

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from attnctl.reports.figures.data import Histograms

    Values = Mapping[str, list[npt.NDArray[np.float32]]]
    """Class -> the values of each of its images."""


_MOST_RUNS = 6
_MOST_CLASSES = 7
_ALL = "all"


def histogram(
    runs: trained_networks.Runs,
    *,
    classes: Annotated[
        str, typer.Option(help="Classes of the data set by number (comma list).", metavar="N,N,...")
    ] = "0,1,2",
    layer: Annotated[
        str,
        typer.Option(
            help="Layers, such as layer1.2,layer4.2; all is the end of each stage, or every attention module.",
            metavar="NAMES",
        ),
    ] = _ALL,
    of: Annotated[
        response_histograms.Of,
        typer.Option(help="responses: the layers' maps; attention: its weights and gates."),
    ] = "responses",
    count: Annotated[
        int, typer.Option(min=1, max=1000, help="Images of each class, from the start of the test set.")
    ] = 10,
    inspected: Annotated[trained_networks.InspectOptions, Shown(only=("device",))],
    drawn: Annotated[FigureOptions, Shown()],
    as_json: context.AsJson = False,
) -> None:
    """Draw the responses of layers or attention by class.

    The figure has a row for each layer and a column for each run. Responses: one line per image in the colour of its
    class, on a logarithmic scale; the table shows the distance between classes (0: identical, 1: no overlap).
    Attention: one line per class, of AN's mixture weights or of the factors by which other modules multiply each
    channel.

    Examples:
        attnctl histogram 3fa2 81bc --layer layer1.2,layer4.2 --classes 0,1,2
        attnctl histogram 3fa2 --of attention -o attention.pdf
    """
    drawn.check()
    numbers = _classes(classes)
    layers = () if layer == _ALL else split_list(layer, "--layer")
    config = context.config()
    with output.others_on_standard_error():
        networks = trained_networks.trained(config, runs, inspected.device, _MOST_RUNS)
        layer_values = response_histograms.compute(config, networks, layers, numbers, count, of)
    histograms = replace(
        response_histograms.panels(networks, trained_networks.names(networks, drawn.names()), layer_values, of),
        title=drawn.title,
    )
    name = f"histogram-{networks[0].run[:8]}-{of}"
    drawn.deliver(histograms, name, as_json=as_json, values=response_histograms.values(layer_values, histograms))
    if not as_json:
        tell(histograms)


def tell(histograms: Histograms) -> None:
    """Print how far the images of each class are apart."""
    rows = [
        [
            panel.row,
            panel.column,
            distribution.name,
            "-" if distribution.distance is None else f"{distribution.distance:.3f}",
        ]
        for panel in histograms.panels
        for distribution in panel.distributions
    ]
    output.table([Column(name) for name in ("layer", "run", "class", "distance of its images")], rows)


def _classes(text: str) -> list[int]:
    values = [convert(item, int, "--classes") for item in split_list(text, "--classes")]
    numbers = [number for number in values if isinstance(number, int)]
    if len(set(numbers)) != len(numbers):
        raise SpecError(f"--classes has a class twice: {text}")
    if len(numbers) > _MOST_CLASSES:
        raise SpecError(f"--classes are {len(numbers)}, but a figure has colours for only {_MOST_CLASSES}")
    return numbers
