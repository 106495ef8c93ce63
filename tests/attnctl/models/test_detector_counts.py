"""The parameters of the detectors and of DeepLabV3, as the papers' and the authors' counts have them."""

import pytest
import torch

from attnctl import attention, models
from attnctl.networks import surgery


def parameters(model, backbone, classes, module="", placement="", norms="", **hyperparameters):
    attended = None
    if module:
        source = attention.describe(module)
        place = models.placement(model, backbone, placement)
        attended = surgery.Attention(source, place, source.resolve(hyperparameters))
    with torch.device("meta"):
        network = surgery.network_of(backbone, classes, attended, size=0, model=model, norms=norms)
    return sum(parameter.numel() for parameter in network.parameters())


@pytest.mark.parametrize(
    ("backbone", "classes", "module", "placement", "hyperparameters", "count"),
    [
        ("mobilenext", 20, "", "", {}, 3_476_308),
        ("mobilenext", 20, "se", "full-block", {"r": 16, "bias": True}, 4_132_651),
        ("mobilenext", 20, "ca", "first-depthwise", {"r": 16}, 4_327_280),
        ("mobilenext", 20, "ean", "full-block", {"G": 8}, 3_479_948),
        ("mobilenext", 80, "", "", {}, 4_539_418),
        ("mobilenext", 80, "se", "full-block", {"r": 16, "bias": True}, 5_195_761),
        ("mobilenext", 80, "ca", "first-depthwise", {"r": 16}, 5_390_390),
        ("mobilenext", 80, "ean", "full-block", {"G": 8}, 4_543_058),
        ("mobilenet_v2", 80, "", "", {}, 4_304_138),
        ("mobilenet_v2", 80, "se", "expansion", {"r": 24, "bias": True}, 4_687_474),
        ("mobilenet_v2", 80, "ca", "expansion", {"r": 32}, 4_749_914),
    ],
)
def test_ssdlite(backbone, classes, module, placement, hyperparameters, count):
    """EAN, tables 4 and 5."""
    assert parameters("ssdlite320", backbone, classes, module, placement, **hyperparameters) == count


@pytest.mark.parametrize(
    ("module", "hyperparameters", "count"),
    [
        ("", {}, 41_704_036),
        ("se", {"r": 16, "bias": True}, 44_235_028),
        ("ca", {"r": 24}, 44_229_035),
        ("ean", {"G": 64}, 41_704_980),
    ],
)
def test_faster_rcnn(module, hyperparameters, count):
    """EAN, table 5: scales and offsets of frozen norms are no parameters; with them there are 53,120 more."""
    assert parameters("fasterrcnn", "resnet50", 80, module, "block", **hyperparameters) == count
    assert parameters("fasterrcnn", "resnet50", 80, module, "block", "batch", **hyperparameters) == count + 53_120


@pytest.mark.parametrize(
    ("module", "hyperparameters", "count"),
    [
        ("", {}, 39_638_869),
        ("se", {"r": 16}, 39_796_053),
        ("ca", {"r": 16, "min_channels": 1, "bias": False}, 39_875_117),
        ("cbam", {"r": 32, "bias": False, "bn": False}, 39_719_029),
        ("eca", {}, 39_638_943),
        ("sa", {"G": 4}, 39_641_701),
        ("ela", {"kernel": 5, "groups": "c/8", "num_groups": 16}, 39_797_461),
    ],
)
def test_deeplabv3(module, hyperparameters, count):
    """ELA, table 8: after the 16 convolutions of 3x3."""
    assert parameters("deeplabv3", "resnet50", 21, module, "conv2", **hyperparameters) == count


AN = {"form": "released", "K": 10, "wide": 20}


@pytest.mark.parametrize(
    ("model", "backbone", "module", "placement", "hyperparameters", "count"),
    [
        ("maskrcnn", "resnet50", "", "", {}, 45_711_413),
        ("maskrcnn", "resnet50", "an", "norm2", AN, 45_909_801),
        ("maskrcnn_gn", "resnet50", "gn", "norms", {}, 45_715_509),
        ("maskrcnn_an", "resnet50", "an", "norm2", AN, 45_957_989),
        ("maskrcnn", "resnet101", "", "", {}, 64_703_541),
        ("maskrcnn", "resnet101", "an", "norm2", AN, 65_155_025),
        ("maskrcnn_an", "resnet101", "an", "norm2", AN, 65_203_213),
        ("cascade_maskrcnn", "resnet101", "", "", {}, 96_317_505),
        ("cascade_maskrcnn", "resnet101", "an", "norm2", AN, 96_768_989),
        ("htc", "resnet101", "", "", {}, 99_316_984),
        ("htc", "resnet101", "an", "norm2", AN, 99_768_468),
    ],
)
def test_mask_rcnn_and_cascades(model, backbone, module, placement, hyperparameters, count):
    """AN, tables 2 and 3: frozen norms are counted."""
    assert parameters(model, backbone, 80, module, placement, **hyperparameters) == count


def test_around_mobilenet_v2_the_last_convolution_is_dropped():
    """AN, table 4: the maps of 24, 32, 96 and 320 channels; 412,160 of 2,223,872 are the last convolution's."""
    heads = 45_711_413 - 23_508_032 - 3_344_384
    pyramid = 256 * (24 + 32 + 96 + 320) + 4 * 256 + 4 * 590_080
    assert parameters("maskrcnn", "mobilenet_v2", 80) == heads + pyramid + 2_223_872 - 412_160
