"""Images of a few rectangles, their targets, and small detectors."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torchvision.models.resnet import BasicBlock, ResNet

from attnctl.models import cascade, cascade_maskrcnn, fasterrcnn, htc, maskrcnn, pyramid, semantic

Target = dict[str, Tensor]
Network = Any
"""A network whose parts a test looks into: torch types each of them as `Tensor | Module`."""

SIZE = 64
PLACES = ([(4, 6, 28, 26), (34, 30, 60, 58)], [(30, 4, 56, 30), (6, 34, 30, 60)])
TWO_STAGES: dict[str, Callable[..., nn.Module]] = {
    "fasterrcnn": fasterrcnn.build,
    "maskrcnn": maskrcnn.build,
    "maskrcnn_gn": maskrcnn.build_gn,
    "maskrcnn_an": maskrcnn.build_an,
    "cascade_maskrcnn": cascade_maskrcnn.build,
    "htc": htc.build,
}


def small_body() -> ResNet:
    return ResNet(BasicBlock, [1, 1, 1, 1], num_classes=5)


def narrow(
    name: str, *, body: nn.Module | None = None, norms: str = "batch", size: int = SIZE, classes: int = 3
) -> Network:
    """A detector of two stages with maps of 64 channels and linear layers of 128, trained on 16 regions an image."""
    torch.manual_seed(0)
    with pytest.MonkeyPatch.context() as patch:
        for module in (pyramid, fasterrcnn, maskrcnn, cascade, cascade_maskrcnn, htc, semantic):
            for constant, value in (("CHANNELS", 64), ("HIDDEN", 128)):
                if hasattr(module, constant):
                    patch.setattr(module, constant, value)
        patch.setattr(pyramid.Scale, "sampled", 16)
        return TWO_STAGES[name](body or small_body(), classes, norms=norms, size=size)


def target(
    boxes: Sequence[Sequence[float]], labels: Sequence[int], crowd: Sequence[int] | None = None, size: int = SIZE
) -> Target:
    """What a data set says of an image; each mask is its box."""
    masks = torch.zeros(len(boxes), size, size, dtype=torch.uint8)
    for mask, (left, top, right, bottom) in zip(masks, boxes, strict=True):
        mask[top:bottom, left:right] = 1
    return {
        "boxes": torch.tensor(boxes, dtype=torch.float32).reshape(-1, 4),
        "labels": torch.tensor(labels, dtype=torch.int64),
        "masks": masks,
        "area": masks.sum((1, 2)).float(),
        "iscrowd": torch.tensor(crowd or [0] * len(boxes), dtype=torch.uint8),
        "image_id": torch.tensor(1),
    }


def scenes() -> tuple[list[Tensor], list[Target]]:
    """Two images of a red (1) and a blue (2) rectangle each."""
    noise = torch.Generator().manual_seed(0)
    images = [(0.5 + 0.05 * torch.randn(3, SIZE, SIZE, generator=noise)).clamp(0, 1) for _ in PLACES]
    for image, places in zip(images, PLACES, strict=True):
        for (left, top, right, bottom), colour in zip(places, ((1.0, 0.1, 0.1), (0.1, 0.1, 0.9)), strict=True):
            image[:, top:bottom, left:right] = torch.tensor(colour)[:, None, None]
    return images, [target(places, [1, 2]) for places in PLACES]


def fit(network: nn.Module, steps: int, rate: float, images: list[Tensor], targets: list[Target]) -> list[float]:
    """The sum of the losses at each step."""
    optimizer = torch.optim.Adam([value for value in network.parameters() if value.requires_grad], rate)
    network.train()
    sums = []
    for _ in range(steps):
        loss = torch.stack(list(network(images, targets).values())).sum()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        sums.append(loss.item())
    return sums
