"""YOLOF: the published counts, its boxes, its losses and its detections."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torchvision.models.resnet import BasicBlock, ResNet
from torchvision.ops import generalized_box_iou, sigmoid_focal_loss

from attnctl import backbones
from attnctl.models import yolof_parts
from attnctl.models.yolof import _losses, build
from attnctl.networks import surgery
from tests.attnctl.models.rectangles import Network

ROWS = [
    # ELA, table 6, with 80 classes
    ("none", {}, 44_113_001),
    ("ca", {"r": 32, "min_channels": 1, "bias": False}, 44_604_777),
    ("ela", {"variant": "l"}, 44_350_569),
]


@pytest.mark.parametrize(("module", "values", "parameters"), ROWS)
def test_it_has_the_published_counts(module: str, values: dict[str, Any], parameters: int) -> None:
    network = build(backbones.build("resnet50", 80), 80, size=64)
    if module != "none":
        surgery.attach(network, module, "encoder", size=64, **values)
    assert sum(parameter.numel() for parameter in network.parameters()) == parameters


@pytest.fixture
def network(monkeypatch: pytest.MonkeyPatch) -> Network:
    """A narrow one of three classes."""
    monkeypatch.setattr(yolof_parts, "CHANNELS", 32)
    torch.manual_seed(0)
    return build(ResNet(BasicBlock, [1, 1, 1, 1]), 3, size=128)


def test_the_five_places_are_the_backbones_output_and_the_encoder_but_its_last_block(network: Network) -> None:
    place = backbones.family_places("yolof")["encoder"]
    assert surgery.measure(network, place, 128) == {
        "backbone.layer4": (512, 4, 4),
        "encoder.projector": (32, 4, 4),
        **{f"encoder.blocks.{index}": (32, 4, 4) for index in range(3)},
    }


def test_images_are_800_pixels_high_unless_they_are_longer_than_1333() -> None:
    network: Network = build(ResNet(BasicBlock, [1, 1, 1, 1]), 3)
    assert (network.transform.min_size, network.transform.max_size) == ((800,), 1333)


ANCHORS = torch.tensor([[-16.0, -16, 16, 16], [0, 16, 64, 80], [96, 0, 224, 128]])


def test_a_box_is_offsets_from_its_anchor_and_back(network: Network) -> None:
    boxes = torch.tensor([[-10.0, -20, 20, 30], [10, 10, 50, 90], [150, 60, 160, 70]])
    offsets = network.coder.encode_single(boxes, ANCHORS)
    torch.testing.assert_close(network.decode(offsets[None], ANCHORS)[0], boxes)
    assert network.decode(torch.zeros(2, 3, 4), ANCHORS).equal(ANCHORS.expand(2, 3, 4))


def test_a_centre_is_at_most_32_pixels_from_its_anchors(network: Network) -> None:
    offsets = torch.zeros(1, 3, 4)
    offsets[..., 0], offsets[..., 1] = 5, -5
    moved = network.decode(offsets, ANCHORS)[0] - ANCHORS
    assert moved.tolist() == [[32, -32, 32, -32]] * 3


def test_the_losses_are_those_of_the_anchors_that_were_matched() -> None:
    """A box on the second anchor; the last one's prediction is on it too, and is not taught that nothing is there."""
    anchors = torch.tensor([[0.0, 0, 32, 32], [64, 0, 96, 32], [128, 0, 160, 32], [500, 0, 532, 32]])
    anchors = torch.cat((anchors, anchors[3:] + 100, anchors[3:] + 200))
    box = torch.tensor([[66.0, 0, 98, 32]])
    predicted = anchors.clone()
    predicted[1] = torch.tensor([70.0, 0, 102, 32])
    predicted[5] = box
    logits = torch.linspace(-1, 1, 12).reshape(1, 6, 2)
    found = _losses(logits, predicted[None], anchors, [{"boxes": box, "labels": torch.tensor([2])}])
    # matched: anchors 0 to 3 as the nearest four, predictions 5, 1, 0, 2; only anchor 1 overlaps the box
    wanted = torch.zeros(6, 2)
    wanted[1, 1] = 1
    used = torch.tensor([1, 4])
    focal = sigmoid_focal_loss(logits[0, used], wanted[used], alpha=0.25, gamma=2, reduction="sum")
    torch.testing.assert_close(found["loss_classifier"], focal)
    twice = 2 * (1 - generalized_box_iou(predicted[1:2], box).item())
    assert found["loss_box_reg"].item() == pytest.approx(twice)


def test_detections_of_one_class_that_overlap_by_more_than_0_6_are_one(network: Network) -> None:
    """Shifted by s, boxes 100 wide overlap by (100 - s) / (100 + s): 24 gives 0.613, 26 gives 0.587."""
    left = torch.tensor([0.0, 24, 300, 326, 0])
    boxes = torch.stack((left, torch.zeros(5), left + 100, torch.full((5,), 50.0)), 1)
    logits = torch.full((5, 3), -9.0)
    logits[:4, 1] = torch.tensor([3.0, 2, 2.5, 1])
    logits[4, 2] = 2.8  # another class at the first one's place
    found = network.detect(logits, boxes, (40, 400))
    assert found["labels"].tolist() == [2, 3, 2, 2]
    assert found["boxes"].tolist() == [[0, 0, 100, 40], [0, 0, 100, 40], [300, 0, 400, 40], [326, 0, 400, 40]]
    assert found["scores"].tolist() == pytest.approx(torch.tensor([3.0, 2.8, 2.5, 1]).sigmoid().tolist())


def test_an_image_has_at_most_100_detections_of_at_least_a_twentieth(network: Network) -> None:
    left = torch.arange(0.0, 1500, 10)
    boxes = torch.stack((left, torch.zeros(150), left + 5, torch.full((150,), 5.0)), 1)
    scores = torch.linspace(0.049, 0.9, 150)
    logits = torch.full((150, 3), -50.0)
    logits[:, 0] = torch.logit(scores)
    found = network.detect(logits, boxes, (10, 2000))
    torch.testing.assert_close(found["scores"], scores.flip(0)[:100])
    assert len(network.detect(logits[:50], boxes[:50], (10, 2000))["scores"]) == 49
