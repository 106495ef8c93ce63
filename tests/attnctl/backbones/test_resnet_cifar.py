"""ResNets for small images (He et al., 2016, section 4.2)."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from attnctl.backbones.resnet_cifar import BasicBlock, resnet20, resnet56


@pytest.mark.parametrize(("build", "depth"), [(resnet20, 20), (resnet56, 56)])
def test_the_name_gives_the_number_of_layers(build: type, depth: int) -> None:
    with torch.device("meta"):
        network: nn.Module = build(10)
    layers = [name for name, part in network.named_modules() if isinstance(part, nn.Conv2d | nn.Linear)]
    assert len([name for name in layers if "downsample" not in name]) == depth


def test_the_maps_halve_twice_and_have_16_32_and_64_channels() -> None:
    network, x = resnet20(10).eval(), torch.zeros(1, 3, 32, 32)
    x = network.get_submodule("conv1")(x)
    shapes = []
    for name in ("layer1", "layer2", "layer3"):
        x = network.get_submodule(name)(x)
        shapes.append(tuple(x.shape[1:]))
    assert shapes == [(16, 32, 32), (32, 16, 16), (64, 8, 8)]


def test_the_shortcut_is_the_input_if_the_shape_stays_the_same() -> None:
    block = BasicBlock(8, 8, 1).eval()
    nn.init.zeros_(block.bn2.weight)
    x = torch.rand(2, 8, 5, 5)
    torch.testing.assert_close(block(x), x)
    assert BasicBlock(8, 16, 2)(x).shape == (2, 16, 3, 3)
