"""Small detectors and segmentation networks, and images of bright rectangles for them."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from torchvision.models.detection import FasterRCNN, MaskRCNN
from torchvision.models.detection.anchor_utils import AnchorGenerator
from torchvision.models.detection.faster_rcnn import FastRCNNPredictor, TwoMLPHead
from torchvision.models.detection.mask_rcnn import MaskRCNNHeads, MaskRCNNPredictor
from torchvision.ops import MultiScaleRoIAlign

from attnctl.spec import RunSpec
from tests.jobs.training.training_workers import make_spec

CLASSES = 3
MODELS = {"detect": "fasterrcnn", "instance": "maskrcnn", "segment": "deeplabv3"}


def task_spec(task: str, **recipe: Any) -> RunSpec:
    """A run of a task; its network and data are those of here."""
    plain = {"batch": 4, "norm_batch": 1, "lr": 0.02, "warmup_epochs": 0.0, "augment": "none"}
    if "steps" not in recipe:
        plain["epochs"] = 2
    spec = make_spec("none", **{**plain, **recipe})
    return dataclasses.replace(spec, model=MODELS[task], dataset="digits-seg" if task == "segment" else "digits-det")


class Body(nn.Module):
    """A map of 8 channels at stride 4, with a batch norm."""

    out_channels = 8

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 8, 4, 4, bias=False)
        self.norm = nn.BatchNorm2d(8)
        self.again = nn.Conv2d(8, 8, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        return self.again(functional.relu(self.norm(self.conv(x)))).relu()  # type: ignore[no-any-return]


class WithObjects(nn.Module):
    """A detector with a part that only images with objects use."""

    def __init__(self, detector: nn.Module) -> None:
        super().__init__()
        self.detector = detector
        self.part = nn.Linear(4, 1)

    def forward(self, images: list[Tensor], targets: list[dict[str, Tensor]] | None = None) -> Any:
        found = self.detector(images, targets)
        boxes = [target["boxes"] for target in targets or () if len(target["boxes"])]
        if self.training and boxes:
            found["part"] = 1e-3 * self.part(torch.cat(boxes)).square().mean()
        return found


class Mapped(nn.Module):
    """Classes of pixels."""

    def __init__(self) -> None:
        super().__init__()
        self.body = Body()
        self.head = nn.Conv2d(8, 11, 1)

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        maps = self.head(self.body(x))
        return {"out": functional.interpolate(maps, x.shape[-2:], mode="bilinear", align_corners=False)}


def network(task: str) -> nn.Module:
    """A small network of a task."""
    if task == "segment":
        return Mapped()
    options: dict[str, Any] = {
        "min_size": 32,
        "max_size": 48,
        "rpn_anchor_generator": AnchorGenerator(((8, 16),), ((1.0,),)),
        "box_roi_pool": MultiScaleRoIAlign(["0"], 4, 2),
        "box_head": TwoMLPHead(8 * 16, 16),
        "box_predictor": FastRCNNPredictor(16, CLASSES + 1),
        "rpn_batch_size_per_image": 16,
        "box_batch_size_per_image": 16,
        "rpn_pre_nms_top_n_train": 50,
        "rpn_post_nms_top_n_train": 20,
        "rpn_pre_nms_top_n_test": 50,
        "rpn_post_nms_top_n_test": 20,
    }
    if task == "detect":
        return WithObjects(FasterRCNN(Body(), **options))
    options |= {
        "mask_roi_pool": MultiScaleRoIAlign(["0"], 4, 2),
        "mask_head": MaskRCNNHeads(8, (8,), 1),
        "mask_predictor": MaskRCNNPredictor(8, 8, CLASSES + 1),
    }
    network: nn.Module = MaskRCNN(Body(), **options)
    return network


class Rectangles:
    """Twelve images, of which some have no object; the first step's have none at all. Six are evaluated."""

    categories = (1, 2, 4)
    SIZE, TRAINED, TESTED = 32, 12, 6

    def __init__(self, spec: RunSpec) -> None:
        self.recipe, self.task = spec.recipe, next(task for task, model in MODELS.items() if model == spec.model)
        self.steps_per_epoch = self.TRAINED // spec.recipe.batch
        self.evaluation_size = self.TESTED
        generator = torch.Generator().manual_seed(0)
        counts = [0] * spec.recipe.batch + [1 + number % 3 for number in range(self.TRAINED + self.TESTED)]
        counts[spec.recipe.batch] = 0
        self.samples = [self._sample(number, counts[number], generator) for number in range(self.TRAINED + self.TESTED)]

    def _sample(self, number: int, count: int, generator: torch.Generator) -> tuple[Tensor, dict[str, Tensor]]:
        height, width = self.SIZE, self.SIZE + 8 * (number % 2) * (self.task != "segment")
        image = 0.2 * torch.rand(3, height, width, generator=generator)
        corners = torch.randint(0, self.SIZE - 14, (count, 2), generator=generator)
        sizes = torch.randint(8, 14, (count, 2), generator=generator)
        boxes = torch.cat([corners, corners + sizes], dim=1)
        labels = torch.randint(1, CLASSES + 1, (count,), generator=generator)
        masks = torch.zeros(count, height, width, dtype=torch.uint8)
        for mask, (left, top, right, bottom), label in zip(masks, boxes.tolist(), labels.tolist(), strict=True):
            mask[top:bottom, left:right] = 1
            image[label - 1, top:bottom, left:right] = 1.0
        target = {
            "boxes": boxes.float(),
            "labels": labels,
            "area": sizes.prod(1).float(),
            "iscrowd": torch.zeros(count, dtype=torch.uint8),
            "image_id": torch.tensor(number),
            "masks": masks,
        }
        return image, target

    def _batch(self, numbers: range) -> Any:
        chosen = [self.samples[number] for number in numbers]
        if self.task != "segment":
            return [image for image, _ in chosen], [target for _, target in chosen]
        maps = [(target["masks"] * target["labels"][:, None, None]).sum(0) for _, target in chosen]
        if 0 in numbers:
            maps[0] = torch.full_like(maps[0], 255)
        return torch.stack([image for image, _ in chosen]), torch.stack(maps).long().clamp(max=255)

    def train(self, start: int, replicas: range, steps: int) -> Iterator[Any]:
        size = self.recipe.norm_batch
        for step in range(start, steps):
            for replica in replicas:
                begin = step % self.steps_per_epoch * self.recipe.batch + replica * size
                yield self._batch(range(begin, begin + size))

    def evaluate(self, rank: int, world: int) -> Iterator[Any]:
        for number in range(self.TRAINED + rank, self.TRAINED + self.TESTED, world):
            yield self._batch(range(number, number + 1))

    def close(self) -> None:
        pass
