"""CSPDarknet in YOLOX's nano form (Ge et al., 2021, arXiv:2107.08430), its parts named as in the official weights."""

import torch
from torch import Tensor, nn

WIDTHS = (16, 32, 64, 128, 256)
"""Channels of the stem and of the four stages: a quarter of the widths of YOLOX-L."""

BOTTLENECKS = (1, 3, 3, 1)
"""Of each stage: a third of the depth of YOLOX-L."""


class Convolution(nn.Module):
    """A convolution that keeps the map's size, or halves it with stride 2, followed by a norm and SiLU."""

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int = 1, groups: int = 1) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, groups=groups, bias=False)
        self.bn = nn.BatchNorm2d(outputs, eps=1e-3, momentum=0.03)
        self.act = nn.SiLU(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        """x: (B, inputs, H, W) -> (B, outputs, H / stride, W / stride)."""
        return self.act(self.bn(self.conv(x)))


class Separable(nn.Sequential):
    """A depthwise 3x3 convolution and a 1x1 convolution, each with its norm and SiLU."""

    def __init__(self, inputs: int, outputs: int, stride: int = 1) -> None:
        super().__init__()
        self.dconv = Convolution(inputs, inputs, 3, stride, groups=inputs)
        self.pconv = Convolution(inputs, outputs, 1)


class Bottleneck(nn.Module):
    """A 1x1 and a separable 3x3 convolution with equal channels, and a shortcut if `residual`."""

    def __init__(self, channels: int, residual: bool) -> None:
        super().__init__()
        self.conv1 = Convolution(channels, channels, 1)
        self.conv2 = Separable(channels, channels)
        self.residual = residual

    def forward(self, x: Tensor) -> Tensor:
        """x: (B, C, H, W) -> the same shape."""
        out = self.conv2(self.conv1(x))
        return out + x if self.residual else out


class CrossStage(nn.Module):
    """A stage in which half of the channels pass through the bottlenecks `m` and the others bypass them."""

    def __init__(self, inputs: int, outputs: int, bottlenecks: int = 1, residual: bool = False) -> None:
        super().__init__()
        hidden = outputs // 2
        self.conv1 = Convolution(inputs, hidden, 1)
        self.conv2 = Convolution(inputs, hidden, 1)
        self.conv3 = Convolution(2 * hidden, outputs, 1)
        self.m = nn.Sequential(*(Bottleneck(hidden, residual) for _ in range(bottlenecks)))

    def forward(self, x: Tensor) -> Tensor:
        """x: (B, inputs, H, W) -> (B, outputs, H, W)."""
        return self.conv3(torch.cat((self.m(self.conv1(x)), self.conv2(x)), 1))


class PyramidPooling(nn.Module):
    """Spatial pyramid pooling: the map and its maxima over windows of 5, 9 and 13, between two 1x1 convolutions."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        hidden = channels // 2
        self.conv1 = Convolution(channels, hidden, 1)
        self.m = nn.ModuleList(nn.MaxPool2d(window, 1, window // 2) for window in (5, 9, 13))
        self.conv2 = Convolution(4 * hidden, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        """x: (B, C, H, W) -> the same shape."""
        x = self.conv1(x)
        return self.conv2(torch.cat((x, *(pool(x) for pool in self.m)), 1))


class Focus(nn.Module):
    """The stem: each square of 2x2 pixels is one pixel of 12 channels, then a 3x3 convolution."""

    def __init__(self, outputs: int) -> None:
        super().__init__()
        self.conv = Convolution(12, outputs, 3)

    def forward(self, x: Tensor) -> Tensor:
        """x: (B, 3, H, W), H and W even -> (B, outputs, H / 2, W / 2)."""
        left, right = x[..., ::2], x[..., 1::2]
        corners = (left[..., ::2, :], left[..., 1::2, :], right[..., ::2, :], right[..., 1::2, :])
        return self.conv(torch.cat(corners, 1))


class CspDarknet(nn.Module):
    """CSPDarknet-nano as a classifier: global average pooling and a linear layer instead of YOLOX's neck."""

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.stem = Focus(WIDTHS[0])
        self.dark2 = self._stage(0)
        self.dark3 = self._stage(1)
        self.dark4 = self._stage(2)
        self.dark5 = self._stage(3)
        self.classifier: nn.Module = nn.Linear(WIDTHS[-1], classes)

    @staticmethod
    def _stage(index: int) -> nn.Sequential:
        inputs, outputs = WIDTHS[index], WIDTHS[index + 1]
        last = index == len(BOTTLENECKS) - 1
        parts: list[nn.Module] = [Separable(inputs, outputs, stride=2)]
        if last:
            parts.append(PyramidPooling(outputs))
        parts.append(CrossStage(outputs, outputs, BOTTLENECKS[index], residual=not last))
        return nn.Sequential(*parts)

    def maps(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """x: (B, 3, H, W), H and W multiples of 32 -> the maps of dark3, dark4 and dark5, at 1/8, 1/16 and 1/32."""
        third = self.dark3(self.dark2(self.stem(x)))
        fourth = self.dark4(third)
        return third, fourth, self.dark5(fourth)

    def forward(self, x: Tensor) -> Tensor:
        """x: (B, 3, H, W) -> logits (B, classes)."""
        return self.classifier(self.maps(x)[-1].mean((2, 3)))


def cspdarknet_nano(classes: int) -> nn.Module:
    """CSPDarknet-nano."""
    return CspDarknet(classes)
