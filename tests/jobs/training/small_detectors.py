"""A detector around a small network."""

from torch import nn
from torchvision.models.resnet import BasicBlock, ResNet

from attnctl import models
from attnctl.networks import surgery


def body(module: str = "") -> nn.Module:
    network = ResNet(BasicBlock, [1, 1, 1, 1], num_classes=10)
    return surgery.attach(network, module, "block", size=64) if module else network


def detector(module: str = "", frozen: str = "frozen") -> nn.Module:
    return models.build("fasterrcnn", body(module), 10, norms=frozen, size=64)
