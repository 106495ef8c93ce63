"""DeepLabV3: its counts, its conventions, and that it learns."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch.nn import functional

from attnctl import backbones
from attnctl.models import deeplabv3
from attnctl.networks import surgery
from attnctl.values import SpecError
from tests.attnctl.models.counted import parameters
from tests.attnctl.models.rectangles import SIZE, Network, Target, scenes, small_body


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
def test_deeplabv3(module: str, hyperparameters: dict[str, Any], count: int) -> None:
    """ELA, table 8: after the 16 convolutions of 3x3."""
    assert parameters("deeplabv3", "resnet50", 21, module, "conv2", **hyperparameters) == count


def deeplab(**options: Any) -> Network:
    torch.manual_seed(0)
    return deeplabv3.build(surgery.attach(small_body(), "se", "block", size=SIZE), 4, **options)


def classes_of(targets: list[Target]) -> torch.Tensor:
    maps = []
    for each in targets:
        labels = (each["masks"] * each["labels"][:, None, None]).amax(0).long()
        labels[:2] = 255
        maps.append(labels)
    return torch.stack(maps)


def test_deeplab_learns_two_images_by_heart() -> None:
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


def test_the_output_has_the_documented_shape() -> None:
    """Logits as large as the image in both modes, for one image too; rates, drop and stride."""
    network = deeplab()
    for mode in (True, False):
        assert network.train(mode)(torch.rand(1, 3, 65, 97))["out"].shape == (1, 4, 65, 97)
    assert network.backbone(torch.rand(1, 3, 64, 64))["out"].shape[-2:] == (4, 4)
    assert [part[0].dilation[0] for part in network.classifier[0].convs[1:4]] == [6, 12, 18]
    assert network.classifier[0].project[3].p == 0.1


def test_deeplab_with_frozen_norms() -> None:
    network = deeplab(norms="frozen").train()
    network(torch.rand(2, 3, SIZE, SIZE))["out"].sum().backward()
    assert not network.backbone.conv1.weight.requires_grad
    assert network.backbone.layer2[0].bn2.attention is not None
    assert all(value.grad is not None for value in network.parameters() if value.requires_grad)


def test_other_networks_than_resnets_are_refused() -> None:
    with pytest.raises(SpecError, match="MobileNetV2 cannot keep its resolution"):
        deeplabv3.build(backbones.build("mobilenet_v2", 5), 4)
