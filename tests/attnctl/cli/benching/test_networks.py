"""Which networks are measured in turn."""

from __future__ import annotations

from attnctl import grid
from attnctl.cli.benching.networks import groups_of, network_key
from attnctl.grid import Axes


def test_networks_on_one_backbone_and_input_are_a_group_with_the_plain_one_first() -> None:
    specs = grid.expand(Axes(modules=("se", "ela"), backbones=("resnet20", "resnet56"))).specs
    groups = groups_of(specs)
    assert [[(spec.module, spec.backbone) for spec in group] for group in groups] == [
        [("none", "resnet20"), ("se", "resnet20"), ("ela", "resnet20")],
        [("none", "resnet56"), ("se", "resnet56"), ("ela", "resnet56")],
    ]


def test_the_plain_network_is_measured_once_whatever_its_placement() -> None:
    (plain,) = grid.expand(Axes(modules=("none",))).specs
    (group,) = groups_of([plain, *grid.expand(Axes(modules=("se",), placements=("block", "stage"))).specs])
    assert [spec.module for spec in group] == ["none", "se", "se"]
    assert len({network_key(spec) for spec in group}) == 3
