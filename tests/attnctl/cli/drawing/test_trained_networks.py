"""Networks that are looked into, and how they are named."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from attnctl.cli.drawing import trained_networks
from attnctl.grid import Axes, expand
from attnctl.reports.display_names import DisplayNames


def test_networks_are_named_by_their_training_only_if_nothing_else_distinguishes_them() -> None:
    def named(**axes: Any) -> list[str]:
        networks: Any = [SimpleNamespace(spec=spec) for spec in expand(Axes(**axes)).specs]
        return trained_networks.names(networks)

    places = {"backbones": ("resnet20", "mobilenet_v2_cifar"), "datasets": ("cifar10",)}
    networks = ("ResNet-20", "MobileNetV2 (CIFAR)")
    expected = {*networks, *(f"ELA, {network}" for network in networks)}
    assert set(named(modules=("none", "ela"), **places)) == expected
    assert named(modules=("none",), overrides={"lr": ("0.1", "0.2")}) == [
        "ResNet-20 (lr = 0.1)",
        "ResNet-20 (lr = 0.2)",
    ]
    assert named(modules=("se",), seeds=("0", "3")) == ["SE, seed 0", "SE, seed 3"]
    shown: Any = [SimpleNamespace(spec=spec) for spec in expand(Axes(modules=("none", "ela"))).specs]
    assert trained_networks.names(shown, DisplayNames({"none": "Baseline", "ela": "Ours"})) == ["Baseline", "Ours"]
