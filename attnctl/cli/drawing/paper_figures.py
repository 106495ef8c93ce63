"""The figures of papers that need trained networks: activation maps and histograms of responses."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

from attnctl import datasets
from attnctl.cli import output
from attnctl.cli.drawing import activation_maps, response_histograms, trained_networks
from attnctl.values import SpecError, did_you_mean

if TYPE_CHECKING:
    from attnctl.jobs.inspect.load import Trained
    from attnctl.reports.figures.data import Histograms, ImageGrid
    from attnctl.reports.figures.paper_figures import Material
    from attnctl.settings.config import Config
    from attnctl.workspace.records import Device

_IMAGES = 5
_OF_A_CLASS = 10
_CLASSES = (0, 1, 2)


def cam(
    config: Config, material: Material, images: Sequence[Path], device: Device, *, instead: bool
) -> tuple[ImageGrid, dict[str, Any]]:
    """A figure's activation maps, and the numbers behind them. instead: of other networks or data than the paper's."""
    settings = material.figure.settings
    method = settings.get("method", "gradcam")
    if method not in get_args(activation_maps.Method):
        nearest = did_you_mean(method, get_args(activation_maps.Method))
        raise SpecError(f"figure {material.figure.number}: method is {method!r}{nearest}")
    networks, names = _networks(config, material, device)
    layers = _layers(material, networks, instead)
    count = settings.get("images", _IMAGES)
    columns = activation_maps.compute(config, networks, layers, images, count, "predicted", method, names)
    return activation_maps.grid(columns), activation_maps.values(columns, method)


def histogram(
    config: Config, material: Material, device: Device, *, instead: bool
) -> tuple[Histograms, dict[str, Any]]:
    """A figure's histograms of responses, and the numbers behind them."""
    networks, names = _networks(config, material, device)
    papers_classes = tuple(material.figure.settings.get("classes", _CLASSES))
    class_count = datasets.describe(trained_networks.one_dataset(networks)).classes
    classes = papers_classes if all(number < class_count for number in papers_classes) else _CLASSES
    if classes != papers_classes:
        output.note(
            f"using classes {classes} instead of the paper's {papers_classes}, which belong to another data set"
        )
    layers = _layers(material, networks, instead)
    layer_values = response_histograms.compute(config, networks, layers, classes, _OF_A_CLASS, "responses")
    histograms = response_histograms.panels(networks, names, layer_values, "responses")
    return histograms, response_histograms.values(layer_values, histograms)


def _networks(config: Config, material: Material, device: Device) -> tuple[list[Trained], list[str]]:
    """The network of the first completed run of each row, and the rows' names."""
    from attnctl.reports.figures import paper_figures

    completed = {row.name: run for row, run in paper_figures.first_completed(material) if run is not None}
    if not completed:
        figure = material.figure
        raise paper_figures.NoResultsYet(
            f"figure {figure.number} of {figure.paper} needs trained networks, and none of its runs has completed yet"
        )
    return trained_networks.networks(config, [run.id for run in completed.values()], device), list(completed)


def _layers(material: Material, networks: Sequence[Trained], instead: bool) -> tuple[str, ...]:
    """The paper's layers, where these networks have them."""
    from attnctl.jobs.inspect import layers

    papers_layers = tuple(material.figure.settings.get("layers", ()))
    if not instead:
        return papers_layers
    try:
        for network in networks:
            for name in papers_layers:
                layers.resolve(network, name)
    except SpecError:
        output.note(
            f"using the ends of the stages instead of the paper's {', '.join(papers_layers)}, "
            "which these networks do not have"
        )
        return ()
    return papers_layers
