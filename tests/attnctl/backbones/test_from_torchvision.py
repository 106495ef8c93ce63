"""torchvision's networks as backbones."""

from __future__ import annotations

import pytest

from attnctl import backbones
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


def test_a_network_of_tokens_is_an_error_because_it_has_no_maps() -> None:
    with pytest.raises(SpecError, match="vit_b_32 has no placement 'stage'; it has none: it gives no maps"):
        backbones.placement("vit_b_32", "stage")
