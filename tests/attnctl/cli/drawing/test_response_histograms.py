"""Responses of networks that were really trained, by class, and the figure they make."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from attnctl.cli.drawing import response_histograms, trained_networks
from attnctl.jobs.inspect.load import Trained
from attnctl.settings.config import Config, find
from attnctl.values import SpecError


def test_each_layer_has_a_panel_for_each_network(config: Config, networks: list[Trained]) -> None:
    seen = response_histograms.compute(config, networks, ("layer1", "layer3"), [0, 4], 3, "responses")
    assert [(item.layer, item.network.run) for item in seen] == [
        (layer, network.run) for layer in ("layer1", "layer3") for network in networks
    ]
    for item in seen:
        assert {name: len(images) for name, images in item.values.items()} == {"class 0": 3, "class 4": 3}

    made = response_histograms.panels(networks, ["plain", "gates"], seen, "responses")
    assert (made.columns, made.log, made.x) == (2, True, "response")
    assert [(panel.row, panel.column) for panel in made.panels] == [
        ("layer1", "plain"),
        ("layer1", "gates"),
        ("layer3", "plain"),
        ("layer3", "gates"),
    ]
    for panel in made.panels:
        assert [one.name for one in panel.distributions] == ["class 0", "class 4"]
        assert all(one.distance is not None and 0 <= one.distance <= 1 for one in panel.distributions)

    first = response_histograms.values(seen, made)["panels"][0]
    assert (first["run"], first["path"]) == (networks[0].run, seen[0].path)
    expected = np.array(seen[0].values["class 0"], dtype=np.float64).mean(0)
    if "means" in first["distributions"][0]:
        assert np.allclose(first["distributions"][0]["means"], expected)


def test_attention_is_seen_where_the_modules_are(config: Config, networks: list[Trained]) -> None:
    plain, gates = networks
    seen = response_histograms.compute(config, [gates], (), [0, 1], 2, "attention")
    assert len({item.layer for item in seen}) == len(seen) > 3
    made = response_histograms.panels([gates], ["gates"], seen, "attention")
    assert (made.log, made.x) == (False, "weight or gain of the attention")
    document = response_histograms.values(seen, made)
    for panel, item in zip(document["panels"], seen, strict=True):
        for distribution, images in zip(panel["distributions"], item.values.values(), strict=True):
            assert np.allclose(distribution["means"], np.array(images, dtype=np.float64).mean(0))
    with pytest.raises(SpecError, match="has no attention"):
        response_histograms.compute(config, [plain], (), [0], 1, "attention")


def test_networks_of_different_data_share_no_panel(
    config: Config, networks: list[Trained], untrained_networks: Path
) -> None:
    other = find(untrained_networks, untrained_networks, {})
    detector, *_ = (
        network for network in trained_networks.trained(other, [], "cpu", limit=6) if network.spec.model == "ssdlite320"
    )
    with pytest.raises(SpecError, match="different data sets"):
        response_histograms.compute(config, [networks[0], detector], (), [0], 1, "responses")
