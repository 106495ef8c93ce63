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
from attnctl.models.uniform_matching import LEFT_OUT, match
from attnctl.models.yolof_parts import Decoder, DilatedEncoder
from attnctl.values import SpecError

ANCHORS = (32, 64, 128, 256, 512)
"""Sides in pixels of the square anchors at each cell of the one map, whose stride is 32 whatever the images' size."""

REACH = 32.0
"""How far a box's centre can be from its anchor's along each axis, in pixels."""


class Yolof(nn.Module):
    """YOLOF: the last map of a ResNet, an encoder of dilated convolutions, one map of anchors, uniform matching.

    44,113,001 parameters around ResNet-50 with frozen norms, with 80 classes (ELA, table 6). Images are resized and
    normalised (`transform`) as torchvision's backbones are trained: RGB, by ImageNet's mean and deviation; the released
    code has BGR, for its own weights.

    score: the least score of a detection. candidates: the surest that are looked at. nms: detections of one class that
    overlap more are one. detections: the most of an image
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
        """images: (3, H, W) each. Training: the losses to be summed; else boxes, labels and scores of each image.

        The losses are divided by the number of anchors that have a box, over the images of this forward (the released
        code: over those of all processes). Raises ValueError for training without targets.
        """
        images = list(images)
        batch, boxes = self.transform(images, targets)
        maps = self.encoder(self.backbone(batch.tensors)["last"])
        logits, offsets = self.decoder(maps)
        (anchors,) = self.anchors(ImageList(batch.tensors, [(0, 0)]), [offsets.new_empty(0, 0, *maps.shape[-2:])])
        predicted = self.decode(offsets, anchors)
        if not self.training:
            sizes = [image.shape[-2:] for image in images]
            found = [self.detect(*each) for each in zip(logits, predicted, batch.image_sizes, strict=True)]
            return self.transform.postprocess(found, batch.image_sizes, sizes)
        if boxes is None:
            raise ValueError("training needs targets")
        return _losses(logits, predicted, anchors, boxes)

    def decode(self, offsets: Tensor, anchors: Tensor) -> Tensor:
        """Offsets (B, N, 4) from the anchors (N, 4), xyxy in pixels -> boxes (B, N, 4)."""
        limits = REACH / (anchors[:, 2:] - anchors[:, :2])
        offsets = torch.cat((offsets[..., :2].clamp(-limits, limits), offsets[..., 2:]), -1)
        boxes = self.coder.decode_single(offsets.flatten(0, 1), anchors.repeat(len(offsets), 1))
        return boxes.view_as(offsets)

    def detect(self, logits: Tensor, boxes: Tensor, size: tuple[int, int]) -> Target:
        """One image's detections, the surest first, in the batch's pixels; size: the image's height and width there."""
        scores = logits.sigmoid().flatten()
        sure = (scores > self.score).nonzero().flatten()
        scores, order = scores[sure].sort(descending=True, stable=True)
        scores, sure = scores[: self.candidates], sure[order[: self.candidates]]
        labels = sure % self.decoder.classes
        boxes = boxes[sure // self.decoder.classes]
        kept = batched_nms(boxes, scores, labels, self.nms)[: self.detections]
        return {"boxes": clip_boxes_to_image(boxes[kept], size), "labels": labels[kept] + 1, "scores": scores[kept]}


def _losses(logits: Tensor, predicted: Tensor, anchors: Tensor, targets: Sequence[Target]) -> dict[str, Tensor]:
    """Focal loss of the classes and GIoU loss of the boxes, over the anchors that have a box (section 4.2)."""
    boxes = [target["boxes"].to(predicted) for target in targets]
    found = [
        match(said, anchors, box, target["labels"] - 1)
        for said, box, target in zip(predicted, boxes, targets, strict=True)
    ]
    labels = torch.stack([each.labels for each in found])
    count = (labels >= 0).sum().clamp(min=1)
    classes = functional.one_hot(labels.clamp(min=0), logits.shape[-1]) * (labels >= 0)[..., None]
    used = labels != LEFT_OUT
    focal = sigmoid_focal_loss(logits[used], classes[used].to(logits), alpha=0.25, gamma=2, reduction="sum")
    said = torch.cat([image[each.anchors] for image, each in zip(predicted, found, strict=True)])
    box = torch.cat([image[each.boxes] for image, each in zip(boxes, found, strict=True)])
    overlap = generalized_box_iou_loss(said, box, reduction="sum")
    return {"loss_classifier": focal / count, "loss_box_reg": overlap / count}


def build(body: nn.Module, classes: int, *, norms: str = "frozen", size: int = 0) -> nn.Module:
    """YOLOF around a ResNet of torchvision, which may already contain attention.

    classes: of objects, without background. norms: of the backbone, as `body.apply_norms` takes them; those of the
    encoder and the decoder are batch norms. size: of the short side that images are resized to; 0 is 800, up to 1333 on
    the long side. Raises SpecError.
    """
    if not isinstance(body, ResNet):
        raise SpecError(f"YOLOF works with a ResNet of torchvision, not {type(body).__name__}")
    apply_norms(body, norms)
    return Yolof(body, classes, size)
