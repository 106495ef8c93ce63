"""A plain network of three stages, without shortcuts."""

from torch import nn

from attnctl_gates.parts import stage


def plain9(classes: int) -> nn.Module:
    """Eight 3x3 convolutions and a linear layer, for 32x32."""
    return nn.Sequential(
        stage(3, 16, 2, stride=1),
        stage(16, 32, 3, stride=2),
        stage(32, 64, 3, stride=2),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(64, classes),
    )
