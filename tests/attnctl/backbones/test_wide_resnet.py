"""Wide ResNets for CIFAR."""

from __future__ import annotations

import torch
from torch import nn

from attnctl.backbones.wide_resnet import PreActivationBlock, wrn28_10


def test_it_has_28_layers_of_ten_times_the_channels() -> None:
    with torch.device("meta"):
        network = wrn28_10(7)
        assert network(torch.zeros(1, 3, 32, 32)).shape == (1, 7)
    named = [(name, part) for name, part in network.named_modules() if isinstance(part, nn.Conv2d | nn.Linear)]
    # The usual count takes the 1x1 convolutions of the first shortcuts for layers too.
    assert len(named) == 28 + 1
    assert {part.out_channels for _, part in named if isinstance(part, nn.Conv2d)} == {16, 160, 320, 640}


def test_norm_and_relu_precede_the_convolutions_and_the_shortcut_is_the_blocks_input() -> None:
    block = PreActivationBlock(4, 4, 1).eval()
    nn.init.zeros_(block.conv2.weight)
    assert block.conv2.bias is not None
    nn.init.zeros_(block.conv2.bias)
    x = torch.randn(2, 4, 5, 5)
    torch.testing.assert_close(block(x), x)


def test_the_stride_is_in_the_second_convolution() -> None:
    block = PreActivationBlock(4, 8, 2)
    assert (block.conv1.stride, block.conv2.stride) == ((1, 1), (2, 2))
    assert block(torch.rand(1, 4, 6, 6)).shape == (1, 8, 3, 3)
