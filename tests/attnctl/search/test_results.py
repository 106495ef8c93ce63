"""What has samples of its own."""

from __future__ import annotations

from attnctl.grid import Axes, expand
from attnctl.search.results import key_of


def test_each_module_in_each_network_has_samples_of_its_own() -> None:
    axes = Axes(
        modules=("se", "ela"), backbones=("resnet20", "resnet18"), seeds=("0", "1"), overrides={"lr": ("1", "2")}
    )
    assert {key_of(spec) for spec in expand(axes).specs} == {
        (backbone, "digits", module, "block") for backbone in ("resnet20", "resnet18") for module in ("se", "ela")
    }
