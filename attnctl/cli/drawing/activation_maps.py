"""The activation maps of networks, layer by layer, and the figure they make."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from attnctl import datasets
from attnctl.cli.drawing import trained_networks
from attnctl.units import quantity
from attnctl.values import SpecError

if TYPE_CHECKING:
    from attnctl.jobs.inspect.cam import Activation, Target
    from attnctl.jobs.inspect.load import Trained
    from attnctl.jobs.inspect.pictures import Picture
    from attnctl.reports.figures.data import ImageGrid
    from attnctl.settings.config import Config


Method = Literal["gradcam", "hirescam"]


MOST_COLUMNS = 12


MOST_ROWS = 40


@dataclass(frozen=True)
class MapColumn:
    """One network at one layer. activations, pictures: one for each image."""

    network: Trained
    layer: str
    title: str
    pictures: Sequence[Picture]
    activations: Sequence[Activation]


def compute(
    config: Config,
    networks: Sequence[Trained],
    layers: Sequence[str],
    images: Sequence[Any],
    count: int,
    target: Target,
    method: Method,
    names: Sequence[str] | None = None,
) -> list[MapColumn]:
    """The maps of each network at each layer.

    images: files and folders; none are the first of the test set. names: of the networks, unless what tells them apart.
    """
    from attnctl.jobs.inspect import pictures
    from attnctl.jobs.inspect.cam import activations
    from attnctl.jobs.inspect.layers import last, resolve

    if len(networks) * max(1, len(layers)) > MOST_COLUMNS:
        raise SpecError(
            f"{quantity(len(networks), 'run')} at {quantity(len(layers), 'layer')} are too many for a figure "
            f"(at most {MOST_COLUMNS} columns); name fewer"
        )
    files = pictures.find_files(images, count)
    if len(files) > MOST_ROWS:
        raise SpecError(f"{len(files)} images are too many for a figure (at most {MOST_ROWS}); name fewer")
    if not files:
        trained_networks.one_dataset(networks, "; give --images")
    # all names are checked before anything is computed
    positions = [(network, resolve(network, name)) for network in networks for name in layers or [last(network)]]
    titles = _titles(networks, names or trained_networks.names(networks), positions)
    columns = []
    for (network, path), title in zip(positions, titles, strict=True):
        shown_pictures = (
            pictures.of_files(files, network.spec) if files else trained_networks.of_test_set(config, network, count)
        )
        columns.append(
            MapColumn(network, path, title, shown_pictures, activations(network, shown_pictures, path, target, method))
        )
    return columns


def grid(columns: Sequence[MapColumn], title: str = "") -> ImageGrid:
    """The images at the left, then the maps."""
    from attnctl.reports.figures.data import ImageGrid, Tile

    first = columns[0]
    tiles = []
    for number, picture in enumerate(first.pictures):
        row = [Tile(picture.shown())]
        for column in columns:
            activation = column.activations[number]
            caption = f"{_class_name(column.network, activation.target)} ({activation.probability:.2f})"
            row.append(Tile(column.pictures[number].shown(), activation.heat, caption))
        tiles.append(tuple(row))
    return ImageGrid(
        title=title,
        columns=("image", *(column.title for column in columns)),
        rows=tuple(picture.name if picture.label is None else f"class {picture.label}" for picture in first.pictures),
        tiles=tuple(tiles),
    )


def values(columns: Sequence[MapColumn], method: str) -> dict[str, Any]:
    """The numbers behind the maps, as JSON values."""
    return {
        "method": method,
        "maps": [
            {
                "run": column.network.run,
                "layer": column.layer,
                "image": picture.name,
                "label": picture.label,
                "target": activation.target,
                "probability": activation.probability,
                "heat": activation.heat.astype(float).round(4).tolist(),
            }
            for column in columns
            for picture, activation in zip(column.pictures, column.activations, strict=True)
        ],
    }


def default_method(networks: Sequence[Trained]) -> Method:
    """HiResCAM for detectors: boxes and pixels have a location, which Grad-CAM's mean over the map would lose."""
    return "hirescam" if any(network.spec.model for network in networks) else "gradcam"


def _class_name(network: Trained, number: int) -> str:
    """What the data set calls a class, else its number."""
    names = datasets.describe(network.spec.dataset).names
    return names[number] if names else str(number)


def _titles(
    networks: Sequence[Trained], network_names: Sequence[str], positions: Sequence[tuple[Trained, str]]
) -> list[str]:
    """The titles of the columns: the run if there are several, and the layer if layers differ."""
    names = dict(zip((network.run for network in networks), network_names, strict=True))
    layers = {path for _, path in positions}
    single = len(networks) == 1
    return [
        path if single and len(layers) > 1 else names[network.run] + (f"\n{path}" if len(layers) > 1 else "")
        for network, path in positions
    ]
