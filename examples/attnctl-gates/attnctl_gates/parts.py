"""What the plain network is made of."""

from torch import nn


def stage(inputs: int, outputs: int, depth: int, stride: int) -> nn.Module:
    """`depth` convolutions with norm and ReLU, the first with the stride."""
    layers: list[nn.Module] = []
    for number in range(depth):
        conv = nn.Conv2d(inputs if number == 0 else outputs, outputs, 3, stride if number == 0 else 1, 1, bias=False)
        layers += [conv, nn.BatchNorm2d(outputs), nn.ReLU()]
    return nn.Sequential(*layers)
