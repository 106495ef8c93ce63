"""The neck and the head of YOLOX-Nano (Ge et al., 2021, section 2), named as in the official weights."""

from __future__ import annotations

from math import log

import torch
from torch import Tensor, nn

from attnctl.backbones.cspdarknet import WIDTHS, Convolution, CrossStage, CspDarknet, Separable
from attnctl.models.simota import Points

STRIDES = (8, 16, 32)
"""Strides of the three maps in pixels."""

HIDDEN = 64
"""Channels of the head."""


class Concatenation(nn.Module):
    """Concatenates two maps; it is a module so that attention can be inserted after it."""

    def forward(self, first: Tensor, second: Tensor) -> Tensor:
        """first: (B, C, H, W); second: (B, D, H, W) -> (B, C + D, H, W)."""
        return torch.cat((first, second), 1)


class Neck(nn.Module):
    """The backbone and the path aggregation over its maps (PANet): from coarse to fine, then back.

    The backbone's three maps pass through modules without weights (`dark3_output` and so on). Attention after these
    changes only the input of the neck, not that of the backbone's later stages.
    """

    def __init__(self, body: CspDarknet) -> None:
        super().__init__()
        third, fourth, fifth = WIDTHS[2:]
        self.backbone = body
        self.dark3_output, self.dark4_output, self.dark5_output = nn.Identity(), nn.Identity(), nn.Identity()
        self.upsample = nn.Upsample(scale_factor=2, mode="nearest")
        self.lateral_conv0 = Convolution(fifth, fourth, 1)
        self.concat_p4 = Concatenation()
        self.C3_p4 = CrossStage(2 * fourth, fourth)
        self.reduce_conv1 = Convolution(fourth, third, 1)
        self.concat_p3 = Concatenation()
        self.C3_p3 = CrossStage(2 * third, third)
        self.bu_conv2 = Separable(third, third, stride=2)
        self.concat_n3 = Concatenation()
        self.C3_n3 = CrossStage(2 * third, fourth)
        self.bu_conv1 = Separable(fourth, fourth, stride=2)
        self.concat_n4 = Concatenation()
        self.C3_n4 = CrossStage(2 * fourth, fifth)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """x: (B, 3, H, W), multiples of 32 -> maps of 64, 128 and 256 channels at 1/8, 1/16 and 1/32."""
        third, fourth, fifth = self.backbone.maps(x)
        third, fourth, fifth = self.dark3_output(third), self.dark4_output(fourth), self.dark5_output(fifth)
        coarse = self.lateral_conv0(fifth)
        middle = self.reduce_conv1(self.C3_p4(self.concat_p4(self.upsample(coarse), fourth)))
        fine = self.C3_p3(self.concat_p3(self.upsample(middle), third))
        middle = self.C3_n3(self.concat_n3(self.bu_conv2(fine), middle))
        return fine, middle, self.C3_n4(self.concat_n4(self.bu_conv1(middle), coarse))


class Head(nn.Module):
    """The decoupled head: on each map, one branch predicts the class, the other the box and the objectness."""

    def __init__(self, classes: int) -> None:
        super().__init__()
        levels = WIDTHS[2:]
        self.classes = classes
        self.stems = nn.ModuleList(Convolution(channels, HIDDEN, 1) for channels in levels)
        self.cls_convs = nn.ModuleList(_branch() for _ in levels)
        self.reg_convs = nn.ModuleList(_branch() for _ in levels)
        self.cls_preds = nn.ModuleList(_rare(nn.Conv2d(HIDDEN, classes, 1)) for _ in levels)
        self.reg_preds = nn.ModuleList(nn.Conv2d(HIDDEN, 4, 1) for _ in levels)
        self.obj_preds = nn.ModuleList(_rare(nn.Conv2d(HIDDEN, 1, 1)) for _ in levels)

    def forward(self, maps: tuple[Tensor, ...]) -> tuple[Tensor, Tensor, Tensor, Points]:
        """The predictions at the N points of all maps, in float32.

        Returns class logits (B, N, K), objectness logits (B, N), boxes (B, N, 4) encoded as by `Points.encode`, and
        the points.
        """
        outputs, corners, strides = [], [], []
        for level, (x, stride) in enumerate(zip(maps, STRIDES, strict=True)):
            x = self.stems[level](x)
            boxes = self.reg_convs[level](x)
            scores = self.cls_preds[level](self.cls_convs[level](x))
            values = scores, self.reg_preds[level](boxes), self.obj_preds[level](boxes)
            outputs.append(torch.cat(values, 1).flatten(2))
            rows, columns = (torch.arange(side, device=x.device) for side in x.shape[-2:])
            corners.append(torch.cartesian_prod(rows, columns).flip(1))
            strides.append(torch.full((len(corners[-1]),), stride, device=x.device))
        out = torch.cat(outputs, 2).transpose(1, 2)
        out = out.to(torch.promote_types(out.dtype, torch.float32))  # no half precision from here on
        points = Points(torch.cat(corners).to(out), torch.cat(strides).to(out))
        return out[..., : self.classes], out[..., -1], out[..., self.classes : -1], points


def _branch() -> nn.Sequential:
    return nn.Sequential(Separable(HIDDEN, HIDDEN), Separable(HIDDEN, HIDDEN))


def _rare(conv: nn.Conv2d) -> nn.Conv2d:
    """A convolution that initially predicts an object with probability 0.01 (focal loss, section 4.1)."""
    assert conv.bias is not None
    nn.init.constant_(conv.bias, -log((1 - 0.01) / 0.01))
    return conv
