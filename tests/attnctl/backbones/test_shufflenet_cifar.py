"""ShuffleNet for small images."""

from __future__ import annotations

import torch
from torchvision.models.shufflenetv2 import channel_shuffle

from attnctl.backbones.shufflenet_cifar import ShuffleUnit


def test_the_shuffle_is_that_of_the_paper() -> None:
    """Of units that keep the size of the map: half of the channels pass, then both halves are shuffled."""
    unit = ShuffleUnit(8, 8, 1).eval()
    x = torch.randn(2, 8, 5, 5)
    kept, changed = x.chunk(2, dim=1)
    torch.testing.assert_close(unit(x), channel_shuffle(torch.cat((kept, unit.branch(changed)), 1), 2))
