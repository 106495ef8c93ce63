"""CSPDarknet-nano, the body of YOLOX-Nano."""

from __future__ import annotations

import torch

from attnctl.backbones.cspdarknet import WIDTHS, CspDarknet, Focus


def test_the_backbone_returns_maps_at_strides_8_16_and_32() -> None:
    network = CspDarknet(classes=5).eval()
    maps = network.maps(torch.rand(1, 3, 64, 96))
    assert [tuple(each.shape[1:]) for each in maps] == [
        (WIDTHS[2], 8, 12),
        (WIDTHS[3], 4, 6),
        (WIDTHS[4], 2, 3),
    ]


def test_the_classifier_has_an_output_for_each_class() -> None:
    assert CspDarknet(classes=5).eval()(torch.rand(2, 3, 64, 64)).shape == (2, 5)


def test_the_stem_sees_every_pixel_at_half_the_size() -> None:
    x = torch.rand(1, 3, 8, 8, requires_grad=True)
    out = Focus(4).eval()(x)
    assert out.shape == (1, 4, 4, 4)
    out.sum().backward()
    assert x.grad is not None
    assert (x.grad != 0).any(1).all()
