"""Networks that were really trained, without the channels of their smallest scales."""

from __future__ import annotations

import pytest

from attnctl.cli.drawing import pruned_networks
from attnctl.jobs.inspect.load import Trained
from attnctl.settings.config import Config

FRACTIONS = [0.0, 0.5, 1.0]


def test_a_curve_is_drawn_for_each_network_with_its_layers(config: Config, networks: list[Trained]) -> None:
    curves = pruned_networks.measure(config, networks, FRACTIONS, "norms")
    assert [curve.run for curve in curves] == [network.run for network in networks]
    accuracy, size, sparsity = pruned_networks.charts(curves, 2.0, "Pruned").panels
    assert accuracy.y.name == "top1"
    assert [point.x for point in accuracy.series[0].points] == [0, 50, 100]
    for chart in (size, sparsity):
        assert [len(series.points) for series in chart.series] == [len(curve.layers) for curve in curves]
    assert {point.y for series in sparsity.series for point in series.points} == {100.0}

    document = pruned_networks.values(curves, 2.0)
    for run, curve in zip(document["runs"], curves, strict=True):
        assert [item["value"] for item in run["pruned"]] == curve.values
        assert [len(item["scales"]) for item in run["layers"]] == [len(item.values) for item in curve.layers]


def test_the_network_is_not_changed_by_what_was_pruned(config: Config, networks: list[Trained]) -> None:
    first, again = (pruned_networks.measure(config, networks[:1], values, "norms")[0] for values in ([1.0, 0.0], [0.0]))
    assert first.values[1] == pytest.approx(again.values[0])
