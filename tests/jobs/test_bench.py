"""What bench gives a detector's post-processing to do."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torchvision.models.detection import FasterRCNN
from torchvision.models.detection.anchor_utils import AnchorGenerator
from torchvision.ops import MultiScaleRoIAlign

from attnctl import backbones, models
from attnctl.jobs import bench
from attnctl.jobs.bench import Conditions


class Body(nn.Sequential):
    """Eight channels at an eighth of the resolution, so faint that without norms all scores would be one."""

    out_channels = 8

    def __init__(self) -> None:
        faint = nn.Conv2d(3, 8, 3, stride=8, padding=1)
        nn.init.normal_(faint.weight, std=1e-6)
        super().__init__(faint, nn.BatchNorm2d(8), nn.ReLU())


def detector() -> nn.Module:
    torch.manual_seed(0)
    anchors = AnchorGenerator(((8, 16, 32),), ((0.5, 1.0, 2.0),))
    pool = MultiScaleRoIAlign(["0"], 7, 2)
    network: nn.Module = FasterRCNN(
        Body(), 11, min_size=64, max_size=64, rpn_anchor_generator=anchors, box_roi_pool=pool
    )
    return network.eval()


def real(model: str) -> nn.Module:
    """One of ours, for 20 classes."""
    torch.manual_seed(0)
    described = models.describe(model)
    network = backbones.build(described.backbones[0], 20)
    return models.build(model, network, 20, size=64).eval()


@pytest.mark.parametrize("model", ["", "ssdlite320", "yolox_nano"])
def test_an_untrained_detector_keeps_the_wanted_number_of_boxes(model: str) -> None:
    network, image = real(model) if model else detector(), torch.rand(3, 64, 64)
    threshold = bench.calibrate_threshold(network, image, 20)
    with torch.inference_mode():
        scores = network([image])[0]["scores"]
    assert 20 <= len(scores) <= 30
    assert float(scores.min()) >= threshold > 0
    bench.calibrate_threshold(network, image, 10**6)
    with torch.inference_mode():
        assert len(network([image])[0]["scores"]) >= len(scores)


def test_a_network_without_scores_is_an_error() -> None:
    with pytest.raises(ValueError, match="Body has no score threshold"):
        bench.calibrate_threshold(Body(), torch.rand(3, 8, 8))


def test_detectors_are_timed_from_lists_of_images() -> None:
    conditions = Conditions(shape=(3, 64, 64), batch=2, device=torch.device("cpu"), rounds=3, detects=True)
    *_, (timing,) = bench.measure([detector()], conditions)
    assert timing.batch == 2
    assert timing.seconds > 0
