"""The ResNeXt of its authors for CIFAR."""

from __future__ import annotations

import torch
from torch import nn

from attnctl.backbones.resnext_cifar import resnext29_16x32d


def test_the_network_has_29_layers_with_3x3_convolutions_of_16_groups_of_32_channels() -> None:
    with torch.device("meta"):
        network = resnext29_16x32d(10)
    named = [(name, part) for name, part in network.named_modules() if isinstance(part, nn.Conv2d | nn.Linear)]
    assert len([name for name, _ in named if "downsample" not in name]) == 29
    grouped = [part for _, part in named if isinstance(part, nn.Conv2d) and part.groups > 1]
    assert len(grouped) == 9
    assert {part.groups for part in grouped} == {16}
    assert [part.in_channels // part.groups for part in grouped[:1]] == [32]


def test_the_maps_halve_twice() -> None:
    with torch.device("meta"):
        network = resnext29_16x32d(7)
        x = network.get_submodule("layer1")(network.get_submodule("conv1")(torch.zeros(1, 3, 32, 32)))
        assert x.shape[1:] == (256, 32, 32)
        assert network.get_submodule("layer3")(network.get_submodule("layer2")(x)).shape[1:] == (1024, 8, 8)
        assert network(torch.zeros(1, 3, 32, 32)).shape == (1, 7)
