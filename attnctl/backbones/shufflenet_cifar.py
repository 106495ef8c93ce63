"""ShuffleNetV2 for CIFAR, in the form that matches the counts in EAN's table 1."""

import torch
from torch import Tensor, nn

# outputs and units of stages 2 to 4 (Ma et al., ECCV 2018, arXiv:1807.11164, table 5, 1x)
STAGES = ((116, 4), (232, 8), (464, 4))


class ShuffleUnit(nn.Module):
    """Half of the channels, or all in a unit that halves the map, pass the branch; then the channels are shuffled.

    To match the published counts, two things differ from the paper: the convolutions have biases, and the branch of a
    halving unit keeps the width of its input.
    """

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.halves = stride == 2
        width = inputs if self.halves else inputs // 2
        self.branch = nn.Sequential(
            *_pointwise(width, width), *_depthwise(width, stride), *_pointwise(width, outputs // 2)
        )
        self.shortcut = (
            nn.Sequential(*_depthwise(width, stride), *_pointwise(width, outputs // 2))
            if self.halves
            else nn.Identity()
        )

    def forward(self, x: Tensor) -> Tensor:
        """x: (B, inputs, H, W) -> (B, outputs, H / stride, W / stride)."""
        kept, changed = (x, x) if self.halves else x.chunk(2, dim=1)
        out = torch.stack((self.shortcut(kept), self.branch(changed)), dim=2)  # (B, C / 2, 2, H, W)
        return out.flatten(1, 2)


class CifarShuffleNetV2(nn.Module):
    """ShuffleNetV2 1x with a 3x3 stem of stride 1, no ReLU after it and no max-pool."""

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.conv1 = nn.Sequential(nn.Conv2d(3, 24, 3, padding=1), nn.BatchNorm2d(24))
        inputs = 24
        stages = []
        for outputs, units in STAGES:
            rest = (ShuffleUnit(outputs, outputs, 1) for _ in range(units - 1))
            stages.append(nn.Sequential(ShuffleUnit(inputs, outputs, 2), *rest))
            inputs = outputs
        self.stage2, self.stage3, self.stage4 = stages
        self.conv5 = nn.Sequential(*_pointwise(inputs, 1024))
        self.fc = nn.Linear(1024, classes)

    def forward(self, x: Tensor) -> Tensor:
        """x: (B, 3, 32, 32) -> logits (B, classes)."""
        x = self.stage4(self.stage3(self.stage2(self.conv1(x))))
        return self.fc(self.conv5(x).mean((2, 3)))


def shufflenet_v2_cifar(classes: int) -> nn.Module:
    """ShuffleNetV2 1x for 32x32; 1,360,896 parameters with 100 classes (EAN, table 1)."""
    return CifarShuffleNetV2(classes)


def _pointwise(inputs: int, outputs: int) -> tuple[nn.Module, ...]:
    return nn.Conv2d(inputs, outputs, 1), nn.BatchNorm2d(outputs), nn.ReLU(inplace=True)


def _depthwise(width: int, stride: int) -> tuple[nn.Module, ...]:
    return nn.Conv2d(width, width, 3, stride, padding=1, groups=width), nn.BatchNorm2d(width)
