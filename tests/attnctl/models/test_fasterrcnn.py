"""Faster R-CNN: the published counts, and torchvision's own losses and boxes."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
from torchvision.models.detection import FasterRCNN, fasterrcnn_resnet50_fpn

from attnctl import backbones
from attnctl.models import fasterrcnn, pyramid
from tests.attnctl.models.counted import parameters
from tests.attnctl.models.rectangles import SIZE, narrow, scenes


@pytest.mark.parametrize(
    ("module", "hyperparameters", "count"),
    [
        ("", {}, 41_704_036),
        ("se", {"r": 16, "bias": True}, 44_235_028),
        ("ca", {"r": 24}, 44_229_035),
        ("ean", {"G": 64}, 41_704_980),
    ],
)
def test_faster_rcnn(module: str, hyperparameters: dict[str, Any], count: int) -> None:
    """EAN, table 5: scales and offsets of frozen norms are no parameters; with them there are 53,120 more."""
    assert parameters("fasterrcnn", "resnet50", 80, module, "block", **hyperparameters) == count
    assert parameters("fasterrcnn", "resnet50", 80, module, "block", "batch", **hyperparameters) == count + 53_120


def test_faster_rcnn_is_torchvisions() -> None:
    """The same names as torchvision's own, whose weights so fit; the same losses and boxes from the same weights."""
    with torch.device("meta"):
        own = fasterrcnn.build(backbones.build("resnet50", 5), 80)
        theirs = fasterrcnn_resnet50_fpn(weights=None, weights_backbone=None, num_classes=81)
    own_shapes = {name: value.shape for name, value in own.state_dict().items()}
    their_shapes = {name: value.shape for name, value in theirs.state_dict().items()}
    assert {name for name in their_shapes if "num_batches" not in name} == set(own_shapes)
    assert all(their_shapes[name] == shape for name, shape in own_shapes.items())

    network, scale = narrow("fasterrcnn"), pyramid.Scale(SIZE)
    reference = FasterRCNN(
        network.backbone,
        min_size=scale.sides[0],
        max_size=scale.sides[1],
        rpn_anchor_generator=scale.anchors(),
        rpn_head=network.rpn.head,
        rpn_post_nms_top_n_train=160,
        rpn_post_nms_top_n_test=80,
        rpn_pre_nms_top_n_train=160,
        rpn_pre_nms_top_n_test=80,
        box_roi_pool=scale.pool(7),
        box_head=network.roi_heads.box_head,
        box_predictor=network.roi_heads.box_predictor,
        box_batch_size_per_image=16,
    )
    images, targets = scenes()
    found = []
    for each in (network, reference):
        torch.manual_seed(2)
        found.append(each.train()(images, copy.deepcopy(targets)))
    assert found[0] == found[1]
    found = [each.eval()(images) for each in (network, reference)]
    torch.testing.assert_close(found[0], found[1])
