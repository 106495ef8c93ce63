"""SSDLite320 and DeepLabV3: their conventions, and that they learn."""

import pytest
import torch
from torch.nn import functional
from torchvision.ops import box_iou

from attnctl import backbones
from attnctl.models import deeplabv3, ssdlite320
from attnctl.networks import surgery
from attnctl.values import SpecError
from tests.attnctl.models.rectangles import SIZE, fit, scenes, small_body, target


def ssdlite(backbone, **options):
    torch.manual_seed(0)
    body = surgery.attach(backbones.build(backbone, 5), "se", "block", backbone=backbone, size=SIZE)
    return ssdlite320.build(body, 3, **options)


@pytest.fixture(scope="module")
def fitted():
    network = ssdlite("mobilenext", size=SIZE)
    sums = fit(network, 40, 2e-3, *scenes())
    with torch.no_grad():
        for _ in range(20):
            network(*scenes())  # the norms' statistics come to those of the trained weights
    return network.eval(), sums


def test_ssdlite_learns_two_images_by_heart(fitted):
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


def test_what_ssdlite_gives(fitted):
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
def test_ssdlite_with_one_image_without_objects(backbone, norms):
    """Maps of one cell are defined for a batch of one, and every trained parameter gets its gradient."""
    network = ssdlite(backbone, norms=norms, size=SIZE).train()
    losses = network(scenes()[0][:1], [target([], [])])
    assert all(loss.isfinite() for loss in losses.values())
    torch.stack(list(losses.values())).sum().backward()
    assert all(value.grad is not None for value in network.parameters() if value.requires_grad)


def test_ssdlite_learns_from_neither_crowds_nor_empty_boxes():
    images, targets = scenes()
    places = targets[0]["boxes"].int().tolist()
    extra = [target([*places, (2, 2, 40, 40), (5, 5, 5, 9)], [1, 2, 1, 2], [0, 0, 1, 0])]
    losses = [ssdlite("mobilenet_v2", size=SIZE).train()(images[:1], each) for each in (targets[:1], extra)]
    assert losses[0] == losses[1]


def test_gradients_reach_ssdlites_attention():
    network = ssdlite("mobilenext", size=SIZE).train()
    torch.stack(list(network(*scenes()).values())).sum().backward()
    found = [value.grad for path, value in network.named_parameters() if ".attention." in path]
    assert len(found) == 20 * 2
    assert all(grad is not None for grad in found)


def test_ssdlites_boxes():
    """Six maps of 20 to 1 cells at 320 pixels; sides from 45 to 270 pixels; four boxes at COCO's last."""
    for classes, last in ((3, 6), (80, 4)):
        network = ssdlite320.build(backbones.build("mobilenext", 5), classes).eval()
        maps = network.backbone(torch.zeros(1, 3, 320, 320))
        assert [value.shape[-1] for value in maps.values()] == [20, 10, 5, 3, 2, 1]
        counts = network.anchor_generator.num_anchors_per_location()
        assert counts == [6, 6, 6, 6, 6, last]
        logits = network.head(list(maps.values()))["cls_logits"]
        cells = (400, 100, 25, 9, 4, 1)
        assert logits.shape == (1, sum(a * b for a, b in zip(cells, counts, strict=True)), classes + 1)
        sides = [pairs[0, 0].item() * 320 for pairs in network.anchor_generator._wh_pairs]
        assert sides == pytest.approx([45, 90, 135, 180, 225, 270], rel=1e-5)


def deeplab(**options):
    torch.manual_seed(0)
    return deeplabv3.build(surgery.attach(small_body(), "se", "block", size=SIZE), 4, **options)


def classes_of(targets):
    maps = []
    for each in targets:
        labels = (each["masks"] * each["labels"][:, None, None]).amax(0).long()
        labels[:2] = 255
        maps.append(labels)
    return torch.stack(maps)


def test_deeplab_learns_two_images_by_heart():
    images, targets = scenes()
    x, labels = (
        values.repeat_interleave(2, -1).repeat_interleave(2, -2)
        for values in (torch.stack(images), classes_of(targets))
    )
    network = deeplab().train()
    optimizer = torch.optim.Adam(network.parameters(), 1e-3)
    sums = []
    for _ in range(20):
        loss = functional.cross_entropy(network(x)["out"], labels, ignore_index=255)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        sums.append(loss.item())
    assert sums[-1] < 0.3 * sums[0]
    assert all(value.grad is not None for value in network.parameters())
    known = labels != 255
    with torch.no_grad():
        assert (network(x)["out"].argmax(1)[known] == labels[known]).float().mean() > 0.9


def test_what_deeplab_gives():
    """Logits as large as the image in both modes, for one image too; rates, drop and stride."""
    network = deeplab()
    for mode in (True, False):
        assert network.train(mode)(torch.rand(1, 3, 65, 97))["out"].shape == (1, 4, 65, 97)
    assert network.backbone(torch.rand(1, 3, 64, 64))["out"].shape[-2:] == (4, 4)
    assert [part[0].dilation[0] for part in network.classifier[0].convs[1:4]] == [6, 12, 18]
    assert network.classifier[0].project[3].p == 0.1


def test_deeplab_with_frozen_norms():
    network = deeplab(norms="frozen").train()
    network(torch.rand(2, 3, SIZE, SIZE))["out"].sum().backward()
    assert not network.backbone.conv1.weight.requires_grad
    assert network.backbone.layer2[0].bn2.attention is not None
    assert all(value.grad is not None for value in network.parameters() if value.requires_grad)


def test_what_deeplab_does_not_go_around():
    with pytest.raises(SpecError, match="MobileNetV2 cannot keep its resolution"):
        deeplabv3.build(backbones.build("mobilenet_v2", 5), 4)
