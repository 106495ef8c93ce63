"""YOLOX-Nano (Ge et al., 2021, arXiv:2107.08430), as ELA's tables 3 and 7 use it."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional
from torchvision.ops import batched_nms, clip_boxes_to_image

from attnctl.backbones.cspdarknet import CspDarknet
from attnctl.models.body import apply_norms
from attnctl.models.letterbox import Letterbox
from attnctl.models.simota import Points, assign
from attnctl.models.targets import Target, trained
from attnctl.models.yolox_parts import Head, Neck
from attnctl.values import SpecError

SIZE = 640
"""Pixels of the square input in ELA's tables; the official COCO weights were trained at 416."""


class YoloxNano(nn.Module):
    """YOLOX-Nano; 900,459 parameters and 1,204,556,800 MACs with 20 classes at 640x640 (ELA, tables 3 and 7).

    Its parts are named as in the official `yolox_nano.pth`, whose weights fit as they are, and so the network brings
    images, RGB in 0..1, into the form of the releases since 0.1.1: BGR, 0..255, without normalisation, letterboxed on
    grey (`transform`, which also draws the sizes of multi-scale training).

    l1: add the L1 loss of the boxes, as the paper does in the last 15 epochs, which are without mosaic (section 2.1)
    score: the least score of a detection. nms: detections of one class that overlap more are one
    """

    body_prefix = "backbone.backbone."

    def __init__(self, body: CspDarknet, classes: int, size: int) -> None:
        super().__init__()
        self.transform = Letterbox(size)
        self.backbone = Neck(body)
        self.head = Head(classes)
        self.l1 = False
        self.score = 0.01
        self.nms = 0.65

    def forward(
        self, images: Sequence[Tensor] | Tensor, targets: Sequence[Target] | None = None
    ) -> dict[str, Tensor] | list[Target]:
        """images: (3, H, W) each. Training: the losses to be summed; else boxes, labels and scores of each image.

        The losses are divided by the number of points that have a box, over the images of this forward. Raises
        ValueError for training without targets.
        """
        batch, factors = self.transform(list(images))
        classes, objectness, predicted, points = self.head(self.backbone(batch.flip(1) * 255))
        if not self.training:
            found = zip(classes, objectness, points.decode(predicted), images, factors, strict=True)
            return [self.detect(*each) for each in found]
        if targets is None:
            raise ValueError("training needs targets")
        boxes = [(box * factor, label) for (box, label), factor in zip(map(trained, targets), factors, strict=True)]
        return self._losses(classes, objectness, predicted, points, boxes)

    def _losses(
        self,
        classes: Tensor,
        objectness: Tensor,
        predicted: Tensor,
        points: Points,
        targets: Sequence[tuple[Tensor, Tensor]],
    ) -> dict[str, Tensor]:
        """The losses of a batch. targets: boxes (M, 4) in the square, labels (M,) from 0, of each image."""
        decoded = points.decode(predicted)
        object_there, class_there = torch.zeros_like(objectness), torch.zeros_like(classes)
        chosen, wanted = torch.zeros_like(objectness, dtype=torch.bool), torch.zeros_like(decoded)
        for image, (boxes, labels) in enumerate(targets):
            boxes = boxes.to(decoded)
            found = assign(points, classes[image], objectness[image], decoded[image], boxes, labels)
            chosen[image, found.points] = True
            object_there[image, found.points] = 1
            class_there[image, found.points, labels[found.boxes]] = found.overlaps
            wanted[image, found.points] = boxes[found.boxes]
        count = chosen.sum().clamp(min=1)
        losses = {
            "loss_box_reg": 5 * (1 - paired_iou(decoded[chosen], wanted[chosen]).square()).sum(),
            "loss_objectness": functional.binary_cross_entropy_with_logits(objectness, object_there, reduction="sum"),
            "loss_classifier": functional.binary_cross_entropy_with_logits(
                classes[chosen], class_there[chosen], reduction="sum"
            ),
        }
        if self.l1:
            own = points.at(chosen.nonzero()[:, 1])
            losses["loss_l1"] = functional.l1_loss(predicted[chosen], own.encode(wanted[chosen]), reduction="sum")
        return {name: loss / count for name, loss in losses.items()}

    def detect(self, classes: Tensor, objectness: Tensor, boxes: Tensor, image: Tensor, factor: float) -> Target:
        """One image's detections, the surest first, in its own pixels; each point predicts its best class only."""
        score, label = classes.sigmoid().max(1)
        score = score * objectness.sigmoid()
        sure = score > self.score
        score, label, boxes = score[sure], label[sure], boxes[sure]
        kept = batched_nms(boxes, score, label, self.nms)
        height, width = image.shape[-2:]
        return {
            "boxes": clip_boxes_to_image(boxes[kept] / factor, (height, width)),
            "labels": label[kept] + 1,
            "scores": score[kept],
        }


def paired_iou(first: Tensor, second: Tensor) -> Tensor:
    """The overlaps of boxes (N, 4) xyxy with those of the same row -> (N,)."""
    upper, lower = torch.maximum(first[:, :2], second[:, :2]), torch.minimum(first[:, 2:], second[:, 2:])
    width, height = (lower - upper).clamp(min=0).unbind(1)
    shared = width * height
    return shared / (_area(first) + _area(second) - shared + 1e-16)


def _area(boxes: Tensor) -> Tensor:
    return (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])


def build(body: nn.Module, classes: int, *, norms: str = "batch", size: int = 0) -> nn.Module:
    """YOLOX-Nano around CSPDarknet-nano, which may already contain attention.

    classes: of objects, without background. norms: of the backbone, as `body.apply_norms` takes them, but not frozen.
    size: pixels of the square input, a multiple of 32; 0 is 640. Raises SpecError.
    """
    if not isinstance(body, CspDarknet):
        raise SpecError(f"YOLOX-Nano works with cspdarknet_nano, not {type(body).__name__}")
    apply_norms(body, norms)
    body.classifier = nn.Identity()
    return YoloxNano(body, classes, size or SIZE)
