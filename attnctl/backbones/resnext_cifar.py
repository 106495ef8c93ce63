"""The ResNeXt that its authors made for CIFAR."""

from torch import Tensor, nn
from torchvision.models.resnet import Bottleneck


class CifarResNeXt(nn.Module):
    """ResNeXt-29 (Xie et al., CVPR 2017, arXiv:1611.05431, section 5.3): three stages of three bottlenecks."""

    def __init__(self, groups: int, group_width: int, classes: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 64, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        self.relu = nn.ReLU(inplace=True)
        self.layer1 = self._stage(64, 64, groups, group_width, stride=1)
        self.layer2 = self._stage(256, 128, groups, group_width, stride=2)
        self.layer3 = self._stage(512, 256, groups, group_width, stride=2)
        self.fc = nn.Linear(1024, classes)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    @staticmethod
    def _stage(inputs: int, planes: int, groups: int, group_width: int, stride: int) -> nn.Sequential:
        outputs = planes * Bottleneck.expansion
        shortcut = nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs))
        return nn.Sequential(
            Bottleneck(inputs, planes, stride, shortcut, groups, group_width),
            *(Bottleneck(outputs, planes, groups=groups, base_width=group_width) for _ in range(2)),
        )

    def forward(self, x: Tensor) -> Tensor:
        """x: (B, 3, 32, 32) -> logits (B, classes)."""
        x = self.relu(self.bn1(self.conv1(x)))
        x = self.layer3(self.layer2(self.layer1(x)))
        return self.fc(x.mean((2, 3)))


def resnext29_16x32d(classes: int) -> nn.Module:
    """ResNeXt-29, 16x32d; 25,136,970 parameters with 10 classes (EAN, table 2)."""
    return CifarResNeXt(16, 32, classes)
