"""The encoder and the decoder of YOLOF (Chen et al., CVPR 2021, arXiv:2103.09460, section 4 and figure 6)."""

from __future__ import annotations

from math import log

import torch
from torch import Tensor, nn

CHANNELS = 512
"""Of the encoder's map."""

DILATIONS = (2, 4, 6, 8)
"""Of the residual blocks of the encoder."""


class ResidualBlock(nn.Module):
    """A bottleneck of a quarter of the channels with a dilated 3x3 convolution; the shortcut is added at the end."""

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
    """The projector, two convolutions without activation, and four residual blocks whose dilation grows."""

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
                _start(module)
        for module in self.blocks.modules():
            _start_normal(module)

    def forward(self, x: Tensor) -> Tensor:
        """x: (B, inputs, H, W) -> (B, 512, H, W)."""
        return self.blocks(self.projector(x))


class Decoder(nn.Module):
    """Two convolutions before the classes, four before the boxes and the objectness, at each cell and anchor."""

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
            _start_normal(module)
        _start(self.class_score, -log((1 - 0.01) / 0.01))  # the focal loss's prior, 0.01

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """x: (B, 512, H, W) -> classes' logits (B, H * W * anchors, K), box offsets (B, H * W * anchors, 4).

        The objectness, which has no label of its own, is in the logits: they are those of the product of both
        probabilities. In full precision.
        """
        boxes = self.box_branch(x)
        classes = self._by_anchor(self.class_score(self.class_branch(x)), self.classes)
        there = self._by_anchor(self.objectness(boxes), 1)
        neither = torch.logaddexp(torch.logaddexp(torch.zeros_like(classes), classes), there)
        return classes + there - neither, self._by_anchor(self.box_offset(boxes), 4)

    def _by_anchor(self, x: Tensor, values: int) -> Tensor:
        """x: (B, anchors * values, H, W) -> (B, H * W * anchors, values), cells row by row."""
        x = x.to(torch.promote_types(x.dtype, torch.float32))  # half precision ends here
        batch, _, height, width = x.shape
        x = x.view(batch, self.anchors, values, height, width)
        return x.permute(0, 3, 4, 1, 2).reshape(batch, -1, values)


def _convolution(inputs: int, outputs: int, kernel: int, dilation: int = 1) -> nn.Sequential:
    """A convolution that keeps the size of the map, with its bias as released; its norm and ReLU."""
    conv = nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2 * dilation, dilation=dilation)
    return nn.Sequential(conv, nn.BatchNorm2d(outputs), nn.ReLU(inplace=True))


def _start_normal(module: nn.Module) -> None:
    if isinstance(module, nn.Conv2d):
        nn.init.normal_(module.weight, std=0.01)
        _start(module)


def _start(conv: nn.Conv2d, bias: float = 0.0) -> None:
    assert conv.bias is not None
    nn.init.constant_(conv.bias, bias)
