"""The responses of layers, or of the attention in them, by class, and the figure they make."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from attnctl.cli.drawing import trained_networks
from attnctl.values import SpecError

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from attnctl.jobs.inspect.load import Trained
    from attnctl.reports.figures.data import Histograms
    from attnctl.settings.config import Config

    Values = Mapping[str, list[npt.NDArray[np.float32]]]
    """Class -> the values of each of its images."""


Of = Literal["responses", "attention"]


@dataclass(frozen=True)
class LayerValues:
    """One network at one layer. path: of the part that was seen there."""

    network: Trained
    layer: str
    path: str
    values: Values


def compute(
    config: Config, networks: Sequence[Trained], layers: Sequence[str], classes: Sequence[int], count: int, of: Of
) -> list[LayerValues]:
    """The values at each layer of each network, layer by layer. Raises SpecError."""
    from attnctl.jobs.inspect import responses

    trained_networks.one_dataset(networks)
    paths_by_run = {network.run: _layer_paths(network, layers, of) for network in networks}
    if len({tuple(layer for layer, _ in layer_paths) for layer_paths in paths_by_run.values()}) > 1:
        raise SpecError("these networks have different layers; name common ones with --layer")
    by_position: dict[tuple[int, str], LayerValues] = {}
    for network in networks:
        pictures = trained_networks.of_test_set(config, network, count, classes)
        compute_values = responses.of_layers if of == "responses" else responses.of_attention
        values = compute_values(network, pictures, [path for _, path in paths_by_run[network.run]])
        for number, (layer, path) in enumerate(paths_by_run[network.run]):
            by_class: dict[str, list[Any]] = {f"class {number}": [] for number in classes}
            for picture, value in zip(pictures, values[path], strict=True):
                by_class[f"class {picture.label}"].append(value)
            by_position[number, network.run] = LayerValues(network, layer, path, by_class)
    order = {network.run: number for number, network in enumerate(networks)}
    return [by_position[key] for key in sorted(by_position, key=lambda key: (key[0], order[key[1]]))]


def panels(
    networks: Sequence[Trained], network_names: Sequence[str], layer_values: Sequence[LayerValues], of: Of
) -> Histograms:
    """A panel for each layer and network; those of one layer, which are compared, have equal bins."""
    from attnctl.reports.figures import binned
    from attnctl.reports.figures.data import Histograms, Panel

    names = dict(zip((network.run for network in networks), network_names, strict=True))
    pooled = of == "attention"
    by_layer: dict[str, list[Any]] = defaultdict(list)
    for item in layer_values:
        by_layer[item.layer] += [value for images in item.values.values() for value in images]
    edges_of = {layer: binned.edges(values) for layer, values in by_layer.items()}
    all_panels = []
    for item in layer_values:
        edges = edges_of[item.layer]
        distributions = binned.distributions(item.values, edges, pooled=pooled)
        all_panels.append(
            Panel(row=item.layer, column=names[item.network.run], edges=edges, distributions=distributions)
        )
    axis = "weight or gain of the attention" if pooled else "response"
    return Histograms(x=axis, log=not pooled, columns=len(networks), panels=tuple(all_panels))


def values(layer_values: Sequence[LayerValues], histograms: Histograms) -> dict[str, Any]:
    """What is drawn, with the run and the part of each panel, and each channel's mean over the images of a class."""
    import numpy as np

    from attnctl.reports.figures import save

    document = save.to_json(histograms)
    for item, panel in zip(layer_values, document["panels"], strict=True):
        panel |= {"run": item.network.run, "path": item.path}
        for distribution, images in zip(panel["distributions"], item.values.values(), strict=True):
            array = np.array(images, dtype=np.float64)
            if array.shape[1] <= _MOST_MEANS:
                finite = np.isfinite(array)
                sums, counts = np.where(finite, array, 0).sum(0), finite.sum(0)
                distribution["means"] = [
                    total / n if n else None for total, n in zip(sums.tolist(), counts.tolist(), strict=True)
                ]
    return document


_MOST_MEANS = 4096
"""Channels or components; a whole map's values have no means worth telling."""


def _layer_paths(network: Trained, layers: Sequence[str], of: Of) -> list[tuple[str, str]]:
    """(name of the layer, path of the part whose values are recorded)."""
    from attnctl.jobs.inspect import responses
    from attnctl.jobs.inspect.layers import ends, resolve

    if of == "responses":
        return [(name, resolve(network, name)) for name in layers or ends(network)]
    if not layers:
        return [(path.replace(".part.", "."), path) for path in responses.modules(network)]
    return [(name, responses.module_at(network, name)) for name in layers]
