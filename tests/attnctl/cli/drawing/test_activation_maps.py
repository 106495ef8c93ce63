"""Activation maps of networks that were really trained, layer by layer, and the figure they make."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from attnctl.cli.drawing import activation_maps, trained_networks
from attnctl.jobs.inspect.load import Trained
from attnctl.settings.config import Config, find
from attnctl.values import SpecError


def test_each_network_has_a_column_for_each_layer(config: Config, networks: list[Trained]) -> None:
    columns = activation_maps.compute(config, networks, ("layer2", "layer3"), [], 2, "predicted", "gradcam")
    assert [(column.network.run, column.layer) for column in columns] == [
        (network.run, layer) for network in networks for layer in ("layer2", "layer3")
    ]
    assert columns[0].title == "ResNet-20\nlayer2"
    assert columns[2].title.startswith("EAN")
    for column in columns:
        assert (len(column.pictures), len(column.activations)) == (2, 2)
        assert all(np.isfinite(found.heat).all() and found.heat.min() >= 0 for found in column.activations)

    drawn = activation_maps.grid(columns, "A title")
    assert (drawn.title, drawn.columns) == ("A title", ("image", *(column.title for column in columns)))
    assert [len(row) for row in drawn.tiles] == [5, 5], "the image, then the maps"
    assert drawn.rows == tuple(f"class {picture.label}" for picture in columns[0].pictures)
    found = columns[0].activations[0]
    assert drawn.tiles[0][1].caption == f"{found.target} ({found.probability:.2f})"

    maps = activation_maps.values(columns, "gradcam")["maps"]
    assert len(maps) == 8
    assert np.allclose(maps[0]["heat"], found.heat, atol=1e-4)


def test_one_network_at_one_layer_is_named_by_its_run_and_at_several_by_the_layer(
    config: Config, networks: list[Trained]
) -> None:
    def titles(*layers: str) -> list[str]:
        columns = activation_maps.compute(config, networks[:1], layers, [], 1, 3, "hirescam")
        assert all(column.activations[0].target == 3 for column in columns)
        return [column.title for column in columns]

    assert titles() == ["ResNet-20"]
    assert titles("layer1", "layer2") == ["layer1", "layer2"]


def test_too_much_for_a_figure_is_refused_before_anything_is_computed(
    config: Config, networks: list[Trained], tmp_path: Path
) -> None:
    layers = tuple(f"layer{number}" for number in range(1, 8))
    with pytest.raises(SpecError, match="2 runs at 7 layers are too many for a figure"):
        activation_maps.compute(config, networks, layers, [], 1, "predicted", "gradcam")
    with pytest.raises(SpecError, match="has no layer 'layer9'"):
        activation_maps.compute(config, networks, ("layer1", "layer9"), [], 1, "predicted", "gradcam")
    images = [tmp_path / f"{number}.png" for number in range(activation_maps.MOST_ROWS + 1)]
    for image in images:
        image.write_bytes(b"")
    with pytest.raises(SpecError, match="41 images are too many for a figure"):
        activation_maps.compute(config, networks, (), images, 1, "predicted", "gradcam")


def test_detectors_are_explained_by_hirescam_and_classifiers_by_gradcam(
    networks: list[Trained], untrained_networks: Path
) -> None:
    assert activation_maps.default_method(networks) == "gradcam"
    others = find(untrained_networks, untrained_networks, {})
    found = trained_networks.trained(others, [], "cpu", limit=6)
    assert {network.spec.model for network in found} == {"ssdlite320", "deeplabv3", ""}
    assert activation_maps.default_method(found) == "hirescam"
