"""The three stages of Cascade Mask R-CNN: each refines the boxes of the stage before it."""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from torchvision.models.detection.faster_rcnn import TwoMLPHead
from torchvision.models.detection.roi_heads import maskrcnn_loss
from torchvision.ops import clip_boxes_to_image

from attnctl.models.pyramid import CHANNELS, HIDDEN, Scale, region_heads

_OVERLAPS = (0.5, 0.6, 0.7)
_DEVIATIONS = ((0.1, 0.1, 0.2, 0.2), (0.05, 0.05, 0.1, 0.1), (0.033, 0.033, 0.067, 0.067))
_WEIGHTS = (1.0, 0.5, 0.25)

Maps = dict[str, Tensor]
Boxes = list[Tensor]
"""An image's boxes (N, 4), one tensor each."""
Shapes = list[tuple[int, int]]
Target = dict[str, Tensor]


def make_stages(scale: Scale, classes: int, mask_head: Callable[[], nn.Module]) -> list[nn.Module]:
    """The stages, torchvision's heads each: overlaps of 0.5, 0.6 and 0.7 with an object make a box one of it.

    classes: without background. mask_head: makes the convolutions of a stage's mask branch.
    """
    made: list[nn.Module] = []
    for overlap, deviations in zip(_OVERLAPS, _DEVIATIONS, strict=True):
        box_head = TwoMLPHead(CHANNELS * 49, HIDDEN)
        heads = region_heads(scale, classes, box_head, mask_head(), overlap=overlap, deviations=deviations)
        heads.box_predictor.bbox_pred = nn.Linear(HIDDEN, 4)  # the same for all classes
        made.append(heads)
    return made


class CascadeHeads(nn.Module):
    """Cascade Mask R-CNN's heads (Cai and Vasconcelos, CVPR 2018, arXiv:1712.00726, section 4; masks: their journal
    version, arXiv:1906.09756, section 4.3, one mask branch a stage).

    They replace torchvision's RoIHeads, with the same arguments and result.
    """

    interleaved = False
    """Whether a stage's mask branch is trained on the boxes that its box branch has refined (HTC, section 3.1)."""

    def __init__(self, stages: Sequence[nn.Module]) -> None:
        super().__init__()
        self.stages = nn.ModuleList(stages)

    def stage(self, index: int) -> Any:
        """One of torchvision's RoIHeads."""
        return self.stages[index]

    def forward(
        self, maps: Maps, proposals: Boxes, shapes: Shapes, targets: list[Target] | None = None
    ) -> tuple[list[Target], dict[str, Tensor]]:
        """maps: of the pyramid. proposals: boxes of each image. shapes: (height, width) of each.

        In training the losses of all stages, weighted; else boxes, labels, scores and masks (N, 1, 28, 28) of each
        image.
        """
        if not self.training:
            return self._detections(maps, proposals, shapes), {}
        if targets is None:
            raise ValueError("targets should not be None in training")
        losses: dict[str, Tensor] = {}
        for index, weight in enumerate(_WEIGHTS):
            found, proposals = self._stage_losses(index, maps, proposals, shapes, targets)
            losses.update({f"{name}_{index + 1}": weight * loss for name, loss in found.items()})
        return [], losses

    def box_features(self, index: int, maps: Maps, boxes: Boxes, shapes: Shapes) -> Tensor:
        """The features of the boxes for a stage's box branch: (N, 256, 7, 7)."""
        features: Tensor = self.stage(index).box_roi_pool(maps, boxes, shapes)
        return features

    def mask_features(self, index: int, maps: Maps, boxes: Boxes, shapes: Shapes) -> Tensor:
        """The features of the boxes for a stage's mask branch: (N, 256, 14, 14)."""
        features: Tensor = self.stage(index).mask_roi_pool(maps, boxes, shapes)
        return features

    def mask_hidden(self, features: Tensor, wanted: Sequence[int]) -> list[Tensor]:
        """What the mask heads of the wanted stages make of (N, 256, 14, 14): the same shape each."""
        return [self.stage(index).mask_head(features) for index in wanted]

    def _stage_losses(
        self, index: int, maps: Maps, proposals: Boxes, shapes: Shapes, targets: list[Target]
    ) -> tuple[dict[str, Tensor], Boxes]:
        """A stage's losses, and its boxes: the proposals of the next."""
        stage = self.stage(index)
        boxes, matched, labels, wanted = stage.select_training_samples(proposals, targets)
        logits, offsets = self._predict(index, maps, boxes, shapes)
        losses = _box_losses(logits, offsets, torch.cat(labels), torch.cat(wanted))
        refined = _without_objects(self._refine(index, offsets, boxes, shapes), boxes, targets)
        if self.interleaved:
            boxes, matched, labels, _ = stage.select_training_samples(refined, targets)
        positive = [label > 0 for label in labels]
        boxes = [of_image[chosen] for of_image, chosen in zip(boxes, positive, strict=True)]
        matched = [of_image[chosen] for of_image, chosen in zip(matched, positive, strict=True)]
        (hidden,) = self.mask_hidden(self.mask_features(index, maps, boxes, shapes), [index])
        masks, classes = [target["masks"] for target in targets], [target["labels"] for target in targets]
        losses["loss_mask"] = maskrcnn_loss(stage.mask_predictor(hidden), boxes, masks, classes, matched)
        return losses, refined

    def _predict(self, index: int, maps: Maps, boxes: Boxes, shapes: Shapes) -> tuple[Tensor, Tensor]:
        """Class logits (N, classes + 1) and offsets (N, 4) of the boxes."""
        stage = self.stage(index)
        logits, offsets = stage.box_predictor(stage.box_head(self.box_features(index, maps, boxes, shapes)))
        return logits, offsets

    @torch.no_grad()
    def _refine(self, index: int, offsets: Tensor, boxes: Boxes, shapes: Shapes) -> Boxes:
        """The boxes as a stage corrects them, within their images."""
        counts = [len(of_image) for of_image in boxes]
        decoded = self.stage(index).box_coder.decode(offsets.detach(), boxes).reshape(-1, 4)
        of_images = torch.split(decoded, counts)
        return [clip_boxes_to_image(of_image, shape) for of_image, shape in zip(of_images, shapes, strict=True)]

    def _detections(self, maps: Maps, boxes: Boxes, shapes: Shapes) -> list[Target]:
        """The last stage's boxes; classes by the mean of all stages' logits, masks by the mean of their masks."""
        last = len(self.stages) - 1
        all_logits = []
        for index in range(last + 1):
            logits, offsets = self._predict(index, maps, boxes, shapes)
            all_logits.append(logits)
            if index < last:
                boxes = self._refine(index, offsets, boxes, shapes)
        logits = torch.stack(all_logits).mean(0)
        of_each = offsets.repeat(1, logits.shape[1])  # as if every class had its own
        boxes, scores, labels = self.stage(last).postprocess_detections(logits, of_each, boxes, shapes)
        masks = torch.split(self._masks(maps, boxes, torch.cat(labels), shapes), [len(of_image) for of_image in boxes])
        parts = zip(boxes, labels, scores, masks, strict=True)
        return [dict(zip(("boxes", "labels", "scores", "masks"), part, strict=True)) for part in parts]

    def _masks(self, maps: Maps, boxes: Boxes, labels: Tensor, shapes: Shapes) -> Tensor:
        """The masks (N, 1, 28, 28) of boxes of these classes."""
        stages = range(len(self.stages))
        hidden = self.mask_hidden(self.mask_features(len(self.stages) - 1, maps, boxes, shapes), stages)
        each = [self.stage(index).mask_predictor(hidden[index]).sigmoid() for index in stages]
        mean = torch.stack(each).mean(0)
        return mean[torch.arange(len(labels), device=labels.device), labels][:, None]


def _box_losses(logits: Tensor, offsets: Tensor, labels: Tensor, wanted: Tensor) -> dict[str, Tensor]:
    """logits: (N, classes + 1). offsets, wanted: (N, 4), standardised. labels: (N,), 0 is background."""
    count, positive = max(len(labels), 1), labels > 0
    return {
        "loss_classifier": functional.cross_entropy(logits, labels, reduction="sum") / count,
        "loss_box_reg": functional.smooth_l1_loss(offsets[positive], wanted[positive], reduction="sum") / count,
    }


def _without_objects(refined: Boxes, boxes: Boxes, targets: list[Target]) -> Boxes:
    """The refined boxes, but for those that were an object's own box before: the next stage gets these anyway."""
    kept = []
    for of_image, before, target in zip(refined, boxes, targets, strict=True):
        objects = (before[:, None] == target["boxes"].to(before.dtype)[None]).all(2).any(1)
        kept.append(of_image[~objects])
    return kept
