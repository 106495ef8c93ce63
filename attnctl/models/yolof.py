"""YOLOF, You Only Look One-level Feature (Chen et al., CVPR 2021, arXiv:2103.09460), as ELA's table 6 uses it."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional
from torchvision.models import ResNet
from torchvision.models._utils import IntermediateLayerGetter
from torchvision.models.detection._utils import BoxCoder
from torchvision.models.detection.anchor_utils import AnchorGenerator
from torchvision.models.detection.image_list import ImageList
from torchvision.ops import batched_nms, clip_boxes_to_image, generalized_box_iou_loss, sigmoid_focal_loss

from attnctl.models.body import apply_norms
from attnctl.models.pyramid import Scale
from attnctl.models.resizing import MEAN, STD, Resizing
from attnctl.models.targets import Target
from attnctl.models.uniform_matching import IGNORED, match
from attnctl.models.yolof_parts import Decoder, DilatedEncoder
from attnctl.values import SpecError

ANCHORS = (32, 64, 128, 256, 512)
"""Sides in pixels of the square anchors at each cell of the single map; its stride is 32 at any image size."""

REACH = 32.0
"""The maximum distance in pixels, along each axis, of a predicted box's centre from its anchor's."""


class Yolof(nn.Module):
    """YOLOF: the last map of a ResNet, an encoder of dilated convolutions, one map of anchors, uniform matching.

    44,113,001 parameters with ResNet-50, frozen norms and 80 classes (ELA, table 6). `transform` resizes images and
    normalises them as for torchvision's backbones: RGB, ImageNet's mean and deviation. The released code uses BGR,
    because of its own weights.

    score: minimum score of a detection. candidates: number of highest scores considered. nms: IoU above which the
    lower-scored detection of the same class is dropped. detections: maximum number per image
    """

    body_prefix = "backbone."

    def __init__(self, body: ResNet, classes: int, size: int) -> None:
        super().__init__()
        shortest, longest = Scale(size).sides
        self.transform = Resizing(shortest, longest, MEAN, STD)
        channels = body.inplanes
        self.backbone = IntermediateLayerGetter(body, {"layer4": "last"})
        self.encoder = DilatedEncoder(channels)
        self.anchors = AnchorGenerator((ANCHORS,), ((1.0,),))
        self.decoder = Decoder(classes, len(ANCHORS))
        self.coder = BoxCoder((1.0, 1.0, 1.0, 1.0))
        self.score = 0.05
        self.candidates = 1000
        self.nms = 0.6
        self.detections = 100

    def forward(
        self, images: Sequence[Tensor] | Tensor, targets: Sequence[Target] | None = None
    ) -> dict[str, Tensor] | list[Target]:
        """Return the losses, to be summed, in training; else boxes, labels and scores of each image.

        images: (3, H, W) each, in 0..1. The losses are divided by the number of anchors with a box in this forward (in
        the released code: in all processes). Raises ValueError in training without targets.
        """
        images = list(images)
        batch, boxes = self.transform(images, targets)
        maps = self.encoder(self.backbone(batch.tensors)["last"])
        logits, offsets = self.decoder(maps)
        (anchors,) = self.anchors(ImageList(batch.tensors, [(0, 0)]), [offsets.new_empty(0, 0, *maps.shape[-2:])])
        predicted = self.decode(offsets, anchors)
        if not self.training:
            sizes = [image.shape[-2:] for image in images]
            per_image = zip(logits, predicted, batch.image_sizes, strict=True)
            detections = [self.detect(*image) for image in per_image]
            return self.transform.postprocess(detections, batch.image_sizes, sizes)
        if boxes is None:
            raise ValueError("training needs targets")
        return _losses(logits, predicted, anchors, boxes)

    def decode(self, offsets: Tensor, anchors: Tensor) -> Tensor:
        """Offsets (B, N, 4) from the anchors (N, 4) -> boxes (B, N, 4). Anchors and boxes are xyxy in pixels."""
        limits = REACH / (anchors[:, 2:] - anchors[:, :2])
        offsets = torch.cat((offsets[..., :2].clamp(-limits, limits), offsets[..., 2:]), -1)
        boxes = self.coder.decode_single(offsets.flatten(0, 1), anchors.repeat(len(offsets), 1))
        return boxes.view_as(offsets)

    def detect(self, logits: Tensor, boxes: Tensor, size: tuple[int, int]) -> Target:
        """One image's detections by descending score, in pixels of the batch. size: (height, width) of the image."""
        scores = logits.sigmoid().flatten()
        indices = (scores > self.score).nonzero().flatten()
        scores, order = scores[indices].sort(descending=True, stable=True)
        scores, indices = scores[: self.candidates], indices[order[: self.candidates]]
        labels = indices % self.decoder.classes
        boxes = boxes[indices // self.decoder.classes]
        kept = batched_nms(boxes, scores, labels, self.nms)[: self.detections]
        return {"boxes": clip_boxes_to_image(boxes[kept], size), "labels": labels[kept] + 1, "scores": scores[kept]}


def _losses(logits: Tensor, predicted: Tensor, anchors: Tensor, targets: Sequence[Target]) -> dict[str, Tensor]:
    """The focal loss of the classes and the GIoU loss of the boxes, divided by the number of anchors with a box."""
    boxes = [target["boxes"].to(predicted) for target in targets]
    matchings = [
        match(of_image, anchors, box, target["labels"] - 1)
        for of_image, box, target in zip(predicted, boxes, targets, strict=True)
    ]
    labels = torch.stack([matching.labels for matching in matchings])
    count = (labels >= 0).sum().clamp(min=1)
    classes = functional.one_hot(labels.clamp(min=0), logits.shape[-1]) * (labels >= 0)[..., None]
    used = labels != IGNORED
    focal = sigmoid_focal_loss(logits[used], classes[used].to(logits), alpha=0.25, gamma=2, reduction="sum")
    matched = torch.cat([image[matching.anchors] for image, matching in zip(predicted, matchings, strict=True)])
    box_targets = torch.cat([image[matching.boxes] for image, matching in zip(boxes, matchings, strict=True)])
    overlap = generalized_box_iou_loss(matched, box_targets, reduction="sum")
    return {"loss_classifier": focal / count, "loss_box_reg": overlap / count}


def build(body: nn.Module, classes: int, *, norms: str = "frozen", size: int = 0) -> nn.Module:
    """YOLOF around a ResNet of torchvision, which may already contain attention.

    classes: without background. norms: of the backbone, as for `body.apply_norms`; the encoder and the decoder always
    use batch norms. size: pixels of the short side to which images are resized, with at most 1333 / 800 of it on the
    long side; 0: 800. Raises SpecError.
    """
    if not isinstance(body, ResNet):
        raise SpecError(f"YOLOF works with a ResNet of torchvision, not {type(body).__name__}")
    apply_norms(body, norms)
    return Yolof(body, classes, size)
