"""Networks that are looked into, and how they are named."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from attnctl.cli.drawing import trained_networks
from attnctl.grid import Axes, expand


def test_networks_are_named_by_their_training_only_if_nothing_else_distinguishes_them() -> None:
    def named(**axes: Any) -> list[str]:
        networks: Any = [SimpleNamespace(spec=spec) for spec in expand(Axes(**axes)).specs]
        return trained_networks.names(networks)

    places = {"backbones": ("resnet20", "mobilenet_v2_cifar"), "datasets": ("cifar10",)}
    expected = {f"{module} {backbone}" for module in ("no attention", "ela") for backbone in places["backbones"]}
    assert set(named(modules=("none", "ela"), **places)) == expected
    assert named(modules=("none",), overrides={"lr": ("0.1", "0.2")}) == ["no attention lr=0.1", "no attention lr=0.2"]
