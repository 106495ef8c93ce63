"""SSDLite320: its counts, its conventions, and that it learns."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torchvision.ops import box_iou

from attnctl import backbones
from attnctl.models import ssdlite320
from attnctl.networks import surgery
from tests.attnctl.models.counted import parameters
from tests.attnctl.models.rectangles import SIZE, Network, fit, scenes, target


@pytest.mark.parametrize(
    ("backbone", "classes", "module", "placement", "hyperparameters", "count"),
    [
        ("mobilenext", 20, "", "", {}, 3_476_308),
        ("mobilenext", 20, "se", "full-block", {"r": 16, "bias": True}, 4_132_651),
        ("mobilenext", 20, "ca", "first-depthwise", {"r": 16}, 4_327_280),
        ("mobilenext", 20, "ean", "second-depthwise", {"G": 16}, 3_478_392),
        ("mobilenext", 80, "", "", {}, 4_539_418),
        ("mobilenext", 80, "se", "full-block", {"r": 16, "bias": True}, 5_195_761),
        ("mobilenext", 80, "ca", "first-depthwise", {"r": 16}, 5_390_390),
        ("mobilenext", 80, "ean", "second-depthwise", {"G": 16}, 4_541_502),
        ("mobilenet_v2", 80, "", "", {}, 4_304_138),
        ("mobilenet_v2", 80, "se", "expansion", {"r": 24, "bias": True}, 4_687_474),
        ("mobilenet_v2", 80, "ca", "expansion", {"r": 32}, 4_749_914),
    ],
)
def test_ssdlite(
    backbone: str, classes: int, module: str, placement: str, hyperparameters: dict[str, Any], count: int
) -> None:
    """EAN, tables 4 and 5."""
    assert parameters("ssdlite320", backbone, classes, module, placement, **hyperparameters) == count


def ssdlite(backbone: str, **options: Any) -> Network:
    torch.manual_seed(0)
    body = surgery.attach(backbones.build(backbone, 5), "se", "block", backbone=backbone, size=SIZE)
    return ssdlite320.build(body, 3, **options)


@pytest.fixture(scope="module")
def fitted() -> tuple[Network, list[float]]:
    network = ssdlite("mobilenext", size=SIZE)
    sums = fit(network, 40, 2e-3, *scenes())
    with torch.no_grad():
        for _ in range(20):
            network(*scenes())  # the norms' statistics come to those of the trained weights
    return network.eval(), sums


def test_ssdlite_learns_two_images_by_heart(fitted: tuple[Network, list[float]]) -> None:
    network, sums = fitted
    assert sum(sums[-3:]) < 0.35 * sum(sums[:3])
    images, targets = scenes()
    with torch.no_grad():
        found = network(images)
    for each, wanted in zip(found, targets, strict=True):
        for box, label in zip(wanted["boxes"], wanted["labels"], strict=True):
            overlap = box_iou(box[None], each["boxes"])[0]
            assert overlap.max() > 0.5
            assert each["labels"][(each["scores"] * (overlap > 0.5)).argmax()] == label


def test_the_outputs_have_the_documented_shapes(fitted: tuple[Network, list[float]]) -> None:
    network, _ = fitted
    with torch.no_grad():
        (each,) = network(torch.rand(1, 3, 50, 80))
    assert each["boxes"].shape == (len(each["labels"]), 4)
    assert (each["boxes"] <= torch.tensor([80, 50, 80, 50])).all()
    assert set(each["labels"].tolist()) <= {1, 2, 3}
    assert each["labels"].dtype == torch.int64
    assert each["scores"].dtype == each["boxes"].dtype == torch.float32


@pytest.mark.parametrize("backbone", ["mobilenext", "mobilenet_v2"])
@pytest.mark.parametrize("norms", ["batch", "frozen"])
def test_ssdlite_with_one_image_without_objects(backbone: str, norms: str) -> None:
    """Maps of one cell are defined for a batch of one, and every trained parameter gets its gradient."""
    network = ssdlite(backbone, norms=norms, size=SIZE).train()
    losses = network(scenes()[0][:1], [target([], [])])
    assert all(loss.isfinite() for loss in losses.values())
    torch.stack(list(losses.values())).sum().backward()
    assert all(value.grad is not None for value in network.parameters() if value.requires_grad)


def test_ssdlite_learns_from_neither_crowds_nor_empty_boxes() -> None:
    images, targets = scenes()
    places = targets[0]["boxes"].int().tolist()
    extra = [target([*places, (2, 2, 40, 40), (5, 5, 5, 9)], [1, 2, 1, 2], [0, 0, 1, 0])]
    losses = [ssdlite("mobilenet_v2", size=SIZE).train()(images[:1], each) for each in (targets[:1], extra)]
    assert losses[0] == losses[1]


def test_gradients_reach_ssdlites_attention() -> None:
    network = ssdlite("mobilenext", size=SIZE).train()
    torch.stack(list(network(*scenes()).values())).sum().backward()
    found = [value.grad for path, value in network.named_parameters() if ".attention." in path]
    assert len(found) == 20 * 2
    assert all(grad is not None for grad in found)


def test_ssdlites_boxes() -> None:
    """Six maps of 20 to 1 cells at 320 pixels; sides from 45 to 270 pixels; four boxes at COCO's last."""
    for classes, last in ((3, 6), (80, 4)):
        network: Network = ssdlite320.build(backbones.build("mobilenext", 5), classes).eval()
        maps = network.backbone(torch.zeros(1, 3, 320, 320))
        assert [value.shape[-1] for value in maps.values()] == [20, 10, 5, 3, 2, 1]
        counts = network.anchor_generator.num_anchors_per_location()
        assert counts == [6, 6, 6, 6, 6, last]
        logits = network.head(list(maps.values()))["cls_logits"]
        cells = (400, 100, 25, 9, 4, 1)
        assert logits.shape == (1, sum(a * b for a, b in zip(cells, counts, strict=True)), classes + 1)
        sides = [pairs[0, 0].item() * 320 for pairs in network.anchor_generator._wh_pairs]
        assert sides == pytest.approx([45, 90, 135, 180, 225, 270], rel=1e-5)
