"""Wide ResNets for CIFAR, in the form whose counts EAN's table 2 prints."""

from torch import Tensor, nn


class PreActivationBlock(nn.Module):
    """Norm and ReLU before each 3x3 convolution, and the shortcut from the block's own input.

    EAN's figures need the stride in the second convolution and biases in all (the usual form has neither).
    """

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.bn1 = nn.BatchNorm2d(inputs)
        self.conv1 = nn.Conv2d(inputs, outputs, 3, padding=1)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, stride, padding=1)
        self.relu = nn.ReLU(inplace=True)
        self.downsample = nn.Conv2d(inputs, outputs, 1, stride) if inputs != outputs or stride != 1 else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        """x: (B, inputs, H, W) -> (B, outputs, H / stride, W / stride)."""
        out = self.conv1(self.relu(self.bn1(x)))
        out = self.conv2(self.relu(self.bn2(out)))
        return out + self.downsample(x)


class WideResNet(nn.Module):
    """WRN-(6 * blocks + 4)-`width` (Zagoruyko and Komodakis, BMVC 2016, arXiv:1605.07146), without dropout."""

    def __init__(self, blocks: int, width: int, classes: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 16, 3, padding=1)
        self.layer1 = self._stage(16, 16 * width, blocks, stride=1)
        self.layer2 = self._stage(16 * width, 32 * width, blocks, stride=2)
        self.layer3 = self._stage(32 * width, 64 * width, blocks, stride=2)
        self.bn1 = nn.BatchNorm2d(64 * width)
        self.relu = nn.ReLU(inplace=True)
        self.fc = nn.Linear(64 * width, classes)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
                if module.bias is not None:
                    nn.init.zeros_(module.bias)

    @staticmethod
    def _stage(inputs: int, outputs: int, blocks: int, stride: int) -> nn.Sequential:
        first = PreActivationBlock(inputs, outputs, stride)
        return nn.Sequential(first, *(PreActivationBlock(outputs, outputs, 1) for _ in range(blocks - 1)))

    def forward(self, x: Tensor) -> Tensor:
        """x: (B, 3, 32, 32) -> logits (B, classes)."""
        x = self.layer3(self.layer2(self.layer1(self.conv1(x))))
        return self.fc(self.relu(self.bn1(x)).mean((2, 3)))


def wrn28_10(classes: int) -> nn.Module:
    """WRN-28-10; 36,546,980 parameters with 100 classes (EAN, table 2)."""
    return WideResNet(4, 10, classes)
