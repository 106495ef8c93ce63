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
from attnctl.models.targets import Target, trainable_objects
from attnctl.models.yolox_parts import Head, Neck
from attnctl.values import SpecError

SIZE = 640
"""Side of the square input in pixels in ELA's tables; the official COCO weights were trained at 416."""


class YoloxNano(nn.Module):
    """YOLOX-Nano; 900,459 parameters and 1,204,556,800 MACs with 20 classes at 640x640 (ELA, tables 3 and 7).

    The parts are named as in the official `yolox_nano.pth`, so that its weights load unchanged. Images, RGB in 0..1,
    are therefore converted to the format of the releases since 0.1.1: BGR in 0..255, not normalised, letterboxed on
    grey (`transform`, which also draws the sizes of multi-scale training).

    l1: add the L1 loss of the boxes, as the paper does in the last 15 epochs, without mosaic (section 2.1)
    score: minimum score of a detection
    nms: IoU above which the lower-scored detection of the same class is dropped
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
        """Return the losses, to be summed, in training; else boxes, labels and scores of each image.

        images: (3, H, W) each, in 0..1. The losses are divided by the number of points with a box in this forward.
        Raises ValueError in training without targets.
        """
        batch, factors = self.transform(list(images))
        classes, objectness, predicted, points = self.head(self.backbone(batch.flip(1) * 255))
        if not self.training:
            per_image = zip(classes, objectness, points.decode(predicted), images, factors, strict=True)
            return [self.detect(*image) for image in per_image]
        if targets is None:
            raise ValueError("training needs targets")
        boxes = [
            (box * factor, label) for (box, label), factor in zip(map(trainable_objects, targets), factors, strict=True)
        ]
        return self._losses(classes, objectness, predicted, points, boxes)

    def _losses(
        self,
        classes: Tensor,
        objectness: Tensor,
        predicted: Tensor,
        points: Points,
        targets: Sequence[tuple[Tensor, Tensor]],
    ) -> dict[str, Tensor]:
        """The losses of a batch. targets: for each image, boxes (M, 4) in the square and labels (M,) from 0."""
        decoded = points.decode(predicted)
        object_targets, class_targets = torch.zeros_like(objectness), torch.zeros_like(classes)
        matched, box_targets = torch.zeros_like(objectness, dtype=torch.bool), torch.zeros_like(decoded)
        for image, (boxes, labels) in enumerate(targets):
            boxes = boxes.to(decoded)
            assigned = assign(points, classes[image], objectness[image], decoded[image], boxes, labels)
            matched[image, assigned.points] = True
            object_targets[image, assigned.points] = 1
            class_targets[image, assigned.points, labels[assigned.boxes]] = assigned.overlaps
            box_targets[image, assigned.points] = boxes[assigned.boxes]
        count = matched.sum().clamp(min=1)
        losses = {
            "loss_box_reg": 5 * (1 - paired_iou(decoded[matched], box_targets[matched]).square()).sum(),
            "loss_objectness": functional.binary_cross_entropy_with_logits(objectness, object_targets, reduction="sum"),
            "loss_classifier": functional.binary_cross_entropy_with_logits(
                classes[matched], class_targets[matched], reduction="sum"
            ),
        }
        if self.l1:
            encoded = points.subset(matched.nonzero()[:, 1]).encode(box_targets[matched])
            losses["loss_l1"] = functional.l1_loss(predicted[matched], encoded, reduction="sum")
        return {name: loss / count for name, loss in losses.items()}

    def detect(self, classes: Tensor, objectness: Tensor, boxes: Tensor, image: Tensor, factor: float) -> Target:
        """One image's detections by descending score, in its own pixels; each point predicts only its best class."""
        score, label = classes.sigmoid().max(1)
        score = score * objectness.sigmoid()
        confident = score > self.score
        score, label, boxes = score[confident], label[confident], boxes[confident]
        kept = batched_nms(boxes, score, label, self.nms)
        height, width = image.shape[-2:]
        return {
            "boxes": clip_boxes_to_image(boxes[kept] / factor, (height, width)),
            "labels": label[kept] + 1,
            "scores": score[kept],
        }


def paired_iou(first: Tensor, second: Tensor) -> Tensor:
    """The IoU (N,) of each row of two tensors of boxes (N, 4), xyxy."""
    upper, lower = torch.maximum(first[:, :2], second[:, :2]), torch.minimum(first[:, 2:], second[:, 2:])
    width, height = (lower - upper).clamp(min=0).unbind(1)
    intersection = width * height
    return intersection / (_area(first) + _area(second) - intersection + 1e-16)


def _area(boxes: Tensor) -> Tensor:
    return (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])


def build(body: nn.Module, classes: int, *, norms: str = "batch", size: int = 0) -> nn.Module:
    """YOLOX-Nano around CSPDarknet-nano, which may already contain attention.

    classes: without background. norms: of the backbone, as for `body.apply_norms`; `frozen` is not supported. size:
    side of the square input in pixels, a multiple of 32; 0: 640. Raises SpecError.
    """
    if not isinstance(body, CspDarknet):
        raise SpecError(f"YOLOX-Nano works with cspdarknet_nano, not {type(body).__name__}")
    apply_norms(body, norms)
    body.classifier = nn.Identity()
    return YoloxNano(body, classes, size or SIZE)
