"""The encoder and the decoder of YOLOF (Chen et al., CVPR 2021, arXiv:2103.09460, section 4 and figure 6)."""

from __future__ import annotations

from math import log

import torch
from torch import Tensor, nn

CHANNELS = 512
"""Channels of the encoder's map."""

DILATIONS = (2, 4, 6, 8)
"""Dilations of the encoder's residual blocks."""


class ResidualBlock(nn.Module):
    """A bottleneck of a quarter of the channels with a dilated 3x3 convolution; no activation after the sum."""

    def __init__(self, dilation: int) -> None:
        super().__init__()
        hidden = CHANNELS // 4
        self.conv1 = _convolution(CHANNELS, hidden, 1)
        self.conv2 = _convolution(hidden, hidden, 3, dilation)
        self.conv3 = _convolution(hidden, CHANNELS, 1)

    def forward(self, x: Tensor) -> Tensor:
        """x: (B, C, H, W) -> the same shape."""
        return x + self.conv3(self.conv2(self.conv1(x)))


class DilatedEncoder(nn.Module):
    """A projector of two convolutions without activation, and four residual blocks of increasing dilation."""

    def __init__(self, inputs: int) -> None:
        super().__init__()
        self.projector = nn.Sequential(
            nn.Conv2d(inputs, CHANNELS, 1),
            nn.BatchNorm2d(CHANNELS),
            nn.Conv2d(CHANNELS, CHANNELS, 3, padding=1),
            nn.BatchNorm2d(CHANNELS),
        )
        self.blocks = nn.Sequential(*map(ResidualBlock, DILATIONS))
        for module in self.projector:
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_uniform_(module.weight, a=1)
                _set_bias(module)
        for module in self.blocks.modules():
            _initialise_normal(module)

    def forward(self, x: Tensor) -> Tensor:
        """x: (B, inputs, H, W) -> (B, 512, H, W)."""
        return self.blocks(self.projector(x))


class Decoder(nn.Module):
    """Predicts classes after two convolutions, and boxes and objectness after four, for each anchor of each cell."""

    def __init__(self, classes: int, anchors: int) -> None:
        super().__init__()
        self.classes = classes
        self.anchors = anchors
        self.class_branch = nn.Sequential(*(_convolution(CHANNELS, CHANNELS, 3) for _ in range(2)))
        self.box_branch = nn.Sequential(*(_convolution(CHANNELS, CHANNELS, 3) for _ in range(4)))
        self.class_score = nn.Conv2d(CHANNELS, anchors * classes, 3, padding=1)
        self.box_offset = nn.Conv2d(CHANNELS, anchors * 4, 3, padding=1)
        self.objectness = nn.Conv2d(CHANNELS, anchors, 3, padding=1)
        for module in self.modules():
            _initialise_normal(module)
        _set_bias(self.class_score, -log((1 - 0.01) / 0.01))  # initial probability 0.01, for the focal loss

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """x: (B, 512, H, W) -> class logits (B, H * W * anchors, K) and box offsets (B, H * W * anchors, 4).

        The objectness has no label of its own: the class logits are those of the product of class probability and
        objectness. Both outputs are at least float32.
        """
        boxes = self.box_branch(x)
        classes = self._by_anchor(self.class_score(self.class_branch(x)), self.classes)
        objectness = self._by_anchor(self.objectness(boxes), 1)
        normaliser = torch.logaddexp(torch.logaddexp(torch.zeros_like(classes), classes), objectness)
        return classes + objectness - normaliser, self._by_anchor(self.box_offset(boxes), 4)

    def _by_anchor(self, x: Tensor, values: int) -> Tensor:
        """x: (B, anchors * values, H, W) -> (B, H * W * anchors, values), cells row by row."""
        x = x.to(torch.promote_types(x.dtype, torch.float32))  # no half precision from here on
        batch, _, height, width = x.shape
        x = x.view(batch, self.anchors, values, height, width)
        return x.permute(0, 3, 4, 1, 2).reshape(batch, -1, values)


def _convolution(inputs: int, outputs: int, kernel: int, dilation: int = 1) -> nn.Sequential:
    """A convolution that keeps the map size (with a bias, as released), a batch norm and a ReLU."""
    conv = nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2 * dilation, dilation=dilation)
    return nn.Sequential(conv, nn.BatchNorm2d(outputs), nn.ReLU(inplace=True))


def _initialise_normal(module: nn.Module) -> None:
    if isinstance(module, nn.Conv2d):
        nn.init.normal_(module.weight, std=0.01)
        _set_bias(module)


def _set_bias(conv: nn.Conv2d, bias: float = 0.0) -> None:
    assert conv.bias is not None
    nn.init.constant_(conv.bias, bias)
