"""Variants of torchvision's networks, under names of their own."""

from torch import nn
from torchvision import models

from attnctl.values import SpecError

_SE = ("SqueezeExcitation", "SqueezeExcite", "SEModule")
"""The classes of SE in the networks of torchvision and timm."""


def resnet18_cifar(classes: int) -> nn.Module:
    """ResNet-18 for 32x32."""
    return _small_stem(models.resnet18(num_classes=classes))


def resnet50_cifar(classes: int) -> nn.Module:
    """ResNet-50 for 32x32; 23,705,252 parameters with 100 classes (EAN, table 2)."""
    return _small_stem(models.resnet50(num_classes=classes))


def resnet101_cifar(classes: int) -> nn.Module:
    """ResNet-101 for 32x32; 42,697,380 parameters with 100 classes (EAN, table 2)."""
    return _small_stem(models.resnet101(num_classes=classes))


def resnet50_zero_gamma(classes: int) -> nn.Module:
    """ResNet-50 with the last norm of each residual branch initialised to scale zero (AN, section 4, after GN)."""
    return models.resnet50(num_classes=classes, zero_init_residual=True)


def resnet101_deep(classes: int) -> nn.Module:
    """ResNet-101 with a stem of three 3x3 convolutions and zero last scales; 44,568,392 parameters (AN, table 1)."""
    network = models.resnet101(num_classes=classes, zero_init_residual=True)
    network.conv1 = _deep_stem(32, 64)
    return network


def densenet161_deep(classes: int) -> nn.Module:
    """DenseNet-161 with a stem of three 3x3 convolutions; 28,730,584 parameters (AN, table 1)."""
    network = models.densenet161(num_classes=classes)
    network.features.conv0 = _deep_stem(48, 96)
    return network


def densenet121_cifar(classes: int) -> nn.Module:
    """DenseNet-121 for 32x32, no norm in the stem, no ReLU in transitions; 7,048,548 parameters (EAN, table 1)."""
    network = models.densenet121(num_classes=classes)
    network.features.conv0 = _convolution(3, 64)
    for part in (network.features.transition1, network.features.transition2, network.features.transition3):
        part.relu = nn.Identity()
    network.features.norm0 = network.features.relu0 = network.features.pool0 = nn.Identity()
    return network


def mobilenet_v2_cifar(classes: int) -> nn.Module:
    """MobileNetV2 for 32x32: the stem and the first stage that halves keep their resolution."""
    network = models.mobilenet_v2(num_classes=classes)
    network.features[0][0].stride = (1, 1)
    network.features[2].conv[1][0].stride = (1, 1)
    return network


def efficientnet_b0_no_se(classes: int) -> nn.Module:
    """EfficientNet-B0 without its own SE; 3,499,108 parameters with 100 classes, 4,652,008 with 1000."""
    network = models.efficientnet_b0(num_classes=classes)
    remove_se(network, "efficientnet_b0")
    return network


def remove_se(network: nn.Module, name: str) -> None:
    """Take a network's own SE out of it; raises SpecError if it has none. name: of the network, for the error."""
    found = [
        (module, child)
        for module in network.modules()
        for child, part in module.named_children()
        if type(part).__name__ in _SE
    ]
    if not found:
        raise SpecError(f"{name} has no SE of its own that could be removed")
    for module, child in found:
        setattr(module, child, nn.Identity())


def vgg16_bn_cifar(classes: int) -> nn.Module:
    """VGG-16 with batch norm for 32x32: one linear layer after the last map, 1x1, in place of the three of 4096."""
    network = models.vgg16_bn(num_classes=classes)
    network.avgpool, network.classifier = nn.Identity(), nn.Linear(512, classes)
    nn.init.normal_(network.classifier.weight, std=0.01)
    nn.init.zeros_(network.classifier.bias)
    return network


def _small_stem(network: models.ResNet) -> nn.Module:
    """A 3x3 stem of stride 1 and no max-pool."""
    network.conv1 = _convolution(3, 64)
    network.maxpool = nn.Identity()
    return network


def _deep_stem(hidden: int, outputs: int) -> nn.Sequential:
    """Three 3x3 convolutions in place of the 7x7; the network's own norm and ReLU come after the third."""
    return nn.Sequential(
        _convolution(3, hidden, stride=2),
        nn.BatchNorm2d(hidden),
        nn.ReLU(inplace=True),
        _convolution(hidden, hidden),
        nn.BatchNorm2d(hidden),
        nn.ReLU(inplace=True),
        _convolution(hidden, outputs),
    )


def _convolution(inputs: int, outputs: int, stride: int = 1) -> nn.Conv2d:
    conv = nn.Conv2d(inputs, outputs, 3, stride, padding=1, bias=False)
    nn.init.kaiming_normal_(conv.weight, mode="fan_out", nonlinearity="relu")
    return conv
