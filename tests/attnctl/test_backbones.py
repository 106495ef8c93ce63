"""The backbones, and the table of what planning must know of them."""

from __future__ import annotations

from typing import Any

import pytest
import torch
import torchvision

from attnctl import backbones
from attnctl.backbones.table import origin
from attnctl.networks import surgery
from attnctl.networks.plain_counts import plain_counts
from attnctl.values import SpecError
from tests.attnctl.backbones.built import UNCHANGED

PLAIN = [
    ("resnet18", 1000, 224, 11_689_512, 1_814_073_344),
    ("resnet50", 1000, 224, 25_557_032, 4_089_184_256),
    ("resnet101", 1000, 224, 44_549_160, 7_801_405_440),
    ("mobilenet_v2", 1000, 224, 3_504_872, 300_774_272),
    ("mobilenet_v2", 100, 32, 2_351_972, 6_240_128),
    ("resnet50_cifar", 100, 32, 23_705_252, 1_298_014_208),
    ("resnet101_cifar", 100, 32, 42_697_380, None),
    ("resnet50_zero_gamma", 1000, 224, 25_557_032, None),
    ("resnet101_deep", 1000, 224, 44_568_392, None),
    ("resnet20", 10, 32, 272_474, None),
    ("resnet56", 100, 32, 861_620, None),
    ("wrn28_10", 100, 32, 36_546_980, None),
    ("resnext29_16x32d", 10, 32, 25_136_970, None),
    ("mobilenext", 1000, 224, 3_535_416, None),
    ("mobilenext", 100, 32, 2_382_516, None),
    ("shufflenet_v2_cifar", 100, 32, 1_360_896, None),
    ("densenet121_cifar", 100, 32, 7_048_548, None),
    ("densenet161_deep", 1000, 224, 28_730_584, None),
    ("efficientnet_b0", 100, 32, 4_135_648, None),
    ("efficientnet_b0_no_se", 100, 32, 3_499_108, 7_962_848),
    ("efficientnet_b0_no_se", 1000, 224, 4_652_008, None),
    ("cspdarknet_nano", 1000, 224, 716_968, 77_288_704),
    # torchvision's own figures
    ("densenet121", 1000, 224, 7_978_856, None),
    ("densenet161", 1000, 224, 28_681_000, None),
    ("shufflenet_v2", 1000, 224, 2_278_604, None),
    ("efficientnet_b0", 1000, 224, 5_288_548, None),
    ("vgg16_bn", 1000, 224, 138_365_992, None),
    ("vgg16_bn_cifar", 10, 32, 14_728_266, None),
]


@pytest.mark.parametrize(("name", "classes", "size", "parameters", "macs"), PLAIN)
def test_a_backbone_has_the_published_counts(
    name: str, classes: int, size: int, parameters: int, macs: int | None
) -> None:
    with torch.device("meta"):
        network = backbones.build(name, classes)
    if macs is None:
        assert sum(parameter.numel() for parameter in network.parameters()) == parameters
    else:
        assert surgery.complexity(network, (3, size, size)) == (parameters, macs)


def test_every_backbone_has_its_counts_tested() -> None:
    assert {row[0] for row in PLAIN} | {"resnet18_cifar", "mobilenet_v2_cifar", *UNCHANGED} == set(backbones.names())


@pytest.mark.parametrize("name", UNCHANGED)
def test_a_network_of_torchvision_has_the_counts_that_torchvision_publishes(name: str) -> None:
    """With 1000 classes: each one beyond the 80 of our file adds a bias, and a weight and a MAC for each feature."""
    kept, published = plain_counts(name), first_weights(name)
    assert kept is not None
    features, rest = divmod(published.meta["num_params"] - kept.parameters, 1000 - 80)
    assert (rest, kept.side) == (0, published.transforms().crop_size[0])
    macs = kept.macs + (1000 - 80) * (features - 1)
    assert macs / 1e9 == pytest.approx(published.meta["_ops"], abs=0.0006)


@pytest.mark.parametrize("name", UNCHANGED)
def test_a_network_of_torchvision_takes_the_inputs_that_torchvision_states(name: str) -> None:
    """Swin is less strict than its weights, and EfficientNetV2 works below the 33 pixels that its weights state."""
    backbone, (stated, _) = backbones.describe(name), first_weights(name).meta["min_size"]
    if backbone.family in {"swin", "efficientnet_v2", "vision_transformer"}:
        assert backbone.smallest <= stated <= backbone.input
    else:
        assert backbone.smallest == stated


def first_weights(name: str) -> Any:
    """The first weights that torchvision published for a network, with their metadata."""
    return next(iter(torchvision.models.get_model_weights(origin(name).partition(":")[2])))


@pytest.mark.parametrize(
    ("name", "size"),
    [
        ("mobilenext", 32),
        ("mobilenet_v2", 32),
        ("shufflenet_v2_cifar", 32),
        ("efficientnet_b0", 32),
        ("efficientnet_b0_no_se", 32),
        ("resnet20", 32),
        ("cspdarknet_nano", 32),
        ("wrn28_10", 8),
        ("resnext29_16x32d", 8),
    ],
)
def test_a_backbone_starts_with_signals_of_a_sane_size(name: str, size: int) -> None:
    """Neither vanished nor exploded after all layers, in training, on small images that end in 1x1 maps."""
    torch.manual_seed(0)
    scores = backbones.build(name, 7)(torch.randn(4, 3, size, size))
    assert scores.shape == (4, 7)
    assert scores.isfinite().all()
    assert 1e-3 < scores.std() < 1e2


@pytest.mark.parametrize("name", ["resnet50_zero_gamma", "resnet101_deep"])
def test_the_residual_branches_of_an_s_table_start_at_zero(name: str) -> None:
    network = backbones.build(name, 2)
    scales = [m.get_parameter("bn3.weight") for m in network.modules() if hasattr(m, "bn3")]
    assert len(scales) in {16, 33}
    assert not any(scale.any() for scale in scales)


def test_a_lightweight_network_is_recognised_by_its_family() -> None:
    light = {name for name in backbones.names() if backbones.describe(name).light}
    assert {"mobilenet_v2", "mobilenext", "shufflenet_v2", "efficientnet_b0", "densenet121_cifar"} <= light
    assert not light & {"resnet50", "densenet161", "vgg16_bn", "wrn28_10"}


def test_a_network_of_two_names_is_one() -> None:
    assert backbones.describe("shufflenet_v2_x1_0") == backbones.describe("shufflenet_v2")
    assert backbones.build("shufflenet_v2_x1_0", 3).get_submodule("fc").out_features == 3


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("resnet33", "unknown backbone 'resnet33'; did you mean 'resnet34'?"),
        ("quantized_resnet18", "unknown backbone 'quantized_resnet18'"),
        ("fasterrcnn_resnet50_fpn", "unknown backbone"),
    ],
)
def test_an_unknown_network_is_refused_with_the_nearest_name(name: str, words: str) -> None:
    with pytest.raises(SpecError, match=words.replace("?", r"\?")):
        backbones.describe(name)
