"""torchvision's networks as backbones."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torchvision import models
from torchvision.ops import SqueezeExcitation

from attnctl import backbones
from attnctl.networks import surgery
from attnctl.values import SpecError

STAGES = [
    ("alexnet", [64, 192, 256, 256]),
    ("googlenet", [192, 480, 832, 1024]),
    ("inception_v3", [192, 288, 768, 2048]),
    ("squeezenet1_1", [128, 256, 512]),
    ("regnet_y_400mf", [48, 104, 208, 440]),
    ("mnasnet0_5", [16, 24, 48, 1280]),
    ("mobilenet_v3_small", [16, 24, 48, 576]),
    ("convnext_tiny", [96, 192, 384, 768]),
    ("swin_t", [96, 192, 384, 768]),
    ("resnet34", [64, 128, 256, 512]),
]


@pytest.mark.parametrize(("name", "stages"), STAGES)
def test_any_network_of_torchvision_has_its_stages(name: str, stages: list[int]) -> None:
    assert list(backbones.channels(name, "stage")) == stages
    assert "norms" in backbones.describe(name).placements or name in {
        "alexnet",
        "squeezenet1_1",
        "convnext_tiny",
        "swin_t",
    }


def test_a_network_of_torchvision_has_the_placements_of_its_family() -> None:
    assert backbones.channels("resnet34", "block+stage") == (
        *[64] * 4, *[128] * 5, *[256] * 7, *[512] * 4,
    )  # fmt: skip
    assert len(backbones.channels("mobilenet_v3_small", "own-se")) == 9
    assert backbones.describe("mobilenet_v3_small").light
    assert "conv2" not in backbones.describe("resnet34").placements


def test_a_network_of_tokens_has_no_stages() -> None:
    with pytest.raises(SpecError, match="vit_b_32 has no placement 'stage'; it has attention, block, stem; patterns"):
        backbones.placement("vit_b_32", "stage")


PLACES = {
    "convnext_tiny": {"block": 18, "depthwise": 18, "stage": 4},
    "mobilenet_v3_small": {"block": 11, "expansion": 10, "depthwise": 11, "own-se": 9, "stage": 4},
    "mobilenet_v3_large": {"block": 15, "expansion": 14, "depthwise": 15, "own-se": 8, "stage": 4},
    "regnet_x_400mf": {"block": 22, "conv2": 22, "stem": 1, "stage": 4},
    "regnet_y_400mf": {"block": 16, "conv2": 16, "own-se": 16, "stem": 1, "stage": 4},
    "efficientnet_b5": {"block": 39, "expansion": 36, "depthwise": 39, "own-se": 39, "stage": 7},
    "efficientnet_v2_s": {"block": 40, "expansion": 38, "depthwise": 30, "own-se": 30, "stage": 6},
    "vit_b_16": {"block": 12, "attention": 12, "stem": 1},
    "swin_t": {"block": 12, "attention": 12, "stem": 1, "stage": 4},
    "swin_v2_t": {"block": 12, "attention": 12, "stem": 1, "stage": 4},
    "maxvit_t": {"block": 11, "attention": 22, "depthwise": 11, "own-se": 11, "stage": 4},
}
"""Backbone -> placement -> number of places, by the configurations of the networks: blocks, and those with an SE."""


@pytest.mark.parametrize("name", PLACES)
def test_a_family_has_its_natural_placements(name: str) -> None:
    found = {place: len(backbones.channels(name, place)) for place in backbones.placements(name) if place != "norms"}
    assert found == PLACES[name]


PARITY = ("convnext_tiny", "mobilenet_v3_small", "regnet_x_400mf", "regnet_y_400mf", "efficientnet_v2_s", "swin_t")


@pytest.mark.parametrize("name", [*PARITY, "swin_v2_t", "vit_b_16"])
def test_a_network_with_the_identity_at_all_places_is_torchvisions(name: str, tmp_path: Path) -> None:
    """In float64, on an image of 32x32: the same parameters, the same scores, and as many places as the table has."""
    (tmp_path / "same.py").write_text(SAME)
    size: dict[str, int] = {"image_size": 32} if name == "vit_b_16" else {}
    torch.manual_seed(0)
    expected = models.get_model(name, weights=None, num_classes=7, **size).double().eval()
    torch.manual_seed(0)
    network = backbones.build(name, 7, 32)
    places = "+".join(place.name for place in backbones.placements(name).values() if not place.replaces)
    surgery.attach(network, f"{tmp_path}/same.py:Same", places, backbone=name, size=32)
    network.double().eval()
    x = torch.randn(1, 3, 32, 32, dtype=torch.float64)
    with torch.no_grad():
        torch.testing.assert_close(network(x), expected(x), rtol=0, atol=1e-12)
    inserted = sum(type(module).__name__ == "Same" for module in network.modules())
    assert inserted == sum(count for place, count in PLACES[name].items() if place != "own-se")
    assert {path.replace(".part", "") for path in network.state_dict()} == set(expected.state_dict())


SAME = """
from torch import nn

class Same(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()

    def forward(self, x):
        return x.clone(memory_format=__import__("torch").contiguous_format)
"""


def test_a_network_can_be_had_without_its_own_se() -> None:
    plain, without = (
        sum(parameter.numel() for parameter in backbones.build(name, 10).parameters())
        for name in ("mobilenet_v3_small", "mobilenet_v3_small_no_se")
    )
    se = [part for part in backbones.build("mobilenet_v3_small", 10).modules() if isinstance(part, SqueezeExcitation)]
    assert len(se) == 9
    assert plain - without == sum(parameter.numel() for part in se for parameter in part.parameters())
    backbone = backbones.describe("mobilenet_v3_small_no_se")
    assert (backbone.family, backbone.source) == ("mobilenet_v3", "torchvision, without its own SE")
    assert "own-se" not in backbone.placements
    assert "depthwise" in backbone.placements


def test_a_network_without_an_se_of_its_own_is_refused() -> None:
    with pytest.raises(SpecError, match="resnet18 has no SE of its own that could be removed"):
        backbones.describe("resnet18_no_se")
    with pytest.raises(SpecError, match="unknown backbone 'resnet17'"):
        backbones.describe("resnet17_no_se")
