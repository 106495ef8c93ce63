"""The heads of Cascade Mask R-CNN: three stages, each of which refines the boxes of the one before."""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torchvision.models.detection.faster_rcnn import TwoMLPHead
from torchvision.models.detection.roi_heads import maskrcnn_loss
from torchvision.ops import clip_boxes_to_image

from attnctl.models.pyramid import CHANNELS, HIDDEN, Scale, box_losses, region_heads

_OVERLAPS = (0.5, 0.6, 0.7)
"""The minimum IoU with an object of a positive box, per stage."""
_DEVIATIONS = ((0.1, 0.1, 0.2, 0.2), (0.05, 0.05, 0.1, 0.1), (0.033, 0.033, 0.067, 0.067))
"""The standard deviations of the box offsets (x, y, width, height), per stage."""
_WEIGHTS = (1.0, 0.5, 0.25)
"""The weights of the losses, per stage."""

Maps = dict[str, Tensor]
Boxes = list[Tensor]
"""Boxes (N, 4), xyxy in pixels, one tensor per image."""
Shapes = list[tuple[int, int]]
"""(height, width) in pixels of each image."""
Target = dict[str, Tensor]


def make_stages(scale: Scale, classes: int, mask_head: Callable[[], nn.Module]) -> list[nn.Module]:
    """The three stages, each one of torchvision's RoIHeads.

    classes: without background. mask_head: creates the convolutions of a stage's mask branch.
    """
    stages: list[nn.Module] = []
    for overlap, deviations in zip(_OVERLAPS, _DEVIATIONS, strict=True):
        box_head = TwoMLPHead(CHANNELS * 49, HIDDEN)
        heads = region_heads(scale, classes, box_head, mask_head(), overlap=overlap, deviations=deviations)
        heads.box_predictor.bbox_pred = nn.Linear(HIDDEN, 4)  # the same for all classes
        stages.append(heads)
    return stages


class CascadeHeads(nn.Module):
    """Cascade Mask R-CNN's heads (Cai and Vasconcelos, CVPR 2018, arXiv:1712.00726, section 4), with one mask branch
    per stage (journal version, arXiv:1906.09756, section 4.3).

    They replace torchvision's RoIHeads, with the same arguments and result.
    """

    interleaved = False
    """Whether the mask branch of a stage is trained on boxes refined by its box branch (HTC, section 3.1)."""

    def __init__(self, stages: Sequence[nn.Module]) -> None:
        super().__init__()
        self.stages = nn.ModuleList(stages)

    def stage(self, index: int) -> Any:
        """One of torchvision's RoIHeads."""
        return self.stages[index]

    def forward(
        self, maps: Maps, proposals: Boxes, shapes: Shapes, targets: list[Target] | None = None
    ) -> tuple[list[Target], dict[str, Tensor]]:
        """Return the weighted losses of all stages in training, else the detections of each image.

        maps: of the pyramid. proposals: boxes (N, 4) of each image. shapes: (height, width) of each image. A detection
        has boxes (N, 4), labels (N,), scores (N,) and masks (N, 1, 28, 28).
        """
        if not self.training:
            return self._detections(maps, proposals, shapes), {}
        if targets is None:
            raise ValueError("targets should not be None in training")
        losses: dict[str, Tensor] = {}
        for index, weight in enumerate(_WEIGHTS):
            stage_losses, proposals = self._stage_losses(index, maps, proposals, shapes, targets)
            losses.update({f"{name}_{index + 1}": weight * loss for name, loss in stage_losses.items()})
        return [], losses

    def box_features(self, index: int, maps: Maps, boxes: Boxes, shapes: Shapes) -> Tensor:
        """The features of the boxes for a stage's box branch: (N, 256, 7, 7)."""
        features: Tensor = self.stage(index).box_roi_pool(maps, boxes, shapes)
        return features

    def mask_features(self, index: int, maps: Maps, boxes: Boxes, shapes: Shapes) -> Tensor:
        """The features of the boxes for a stage's mask branch: (N, 256, 14, 14)."""
        features: Tensor = self.stage(index).mask_roi_pool(maps, boxes, shapes)
        return features

    def mask_hidden(self, features: Tensor, indices: Sequence[int]) -> list[Tensor]:
        """The outputs of the given stages' mask heads, each (N, 256, 14, 14), for features of the same shape."""
        return [self.stage(index).mask_head(features) for index in indices]

    def _stage_losses(
        self, index: int, maps: Maps, proposals: Boxes, shapes: Shapes, targets: list[Target]
    ) -> tuple[dict[str, Tensor], Boxes]:
        """The losses of a stage, and its refined boxes, which are the proposals of the next stage."""
        stage = self.stage(index)
        boxes, matched, labels, box_targets = stage.select_training_samples(proposals, targets)
        logits, offsets = self._predict(index, maps, boxes, shapes)
        losses = box_losses(logits, offsets, torch.cat(labels), torch.cat(box_targets))
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
        """The boxes corrected by a stage, clipped to their images."""
        counts = [len(of_image) for of_image in boxes]
        decoded = self.stage(index).box_coder.decode(offsets.detach(), boxes).reshape(-1, 4)
        of_images = torch.split(decoded, counts)
        return [clip_boxes_to_image(of_image, shape) for of_image, shape in zip(of_images, shapes, strict=True)]

    def _detections(self, maps: Maps, boxes: Boxes, shapes: Shapes) -> list[Target]:
        """The detections: boxes of the last stage; class logits and masks averaged over all stages."""
        last = len(self.stages) - 1
        all_logits = []
        for index in range(last + 1):
            logits, offsets = self._predict(index, maps, boxes, shapes)
            all_logits.append(logits)
            if index < last:
                boxes = self._refine(index, offsets, boxes, shapes)
        logits = torch.stack(all_logits).mean(0)
        per_class = offsets.repeat(1, logits.shape[1])  # postprocess_detections expects offsets for each class
        boxes, scores, labels = self.stage(last).postprocess_detections(logits, per_class, boxes, shapes)
        masks = torch.split(self._masks(maps, boxes, torch.cat(labels), shapes), [len(of_image) for of_image in boxes])
        names = ("boxes", "labels", "scores", "masks")
        return [dict(zip(names, values, strict=True)) for values in zip(boxes, labels, scores, masks, strict=True)]

    def _masks(self, maps: Maps, boxes: Boxes, labels: Tensor, shapes: Shapes) -> Tensor:
        """The masks (N, 1, 28, 28) of boxes, for the class of each."""
        stages = range(len(self.stages))
        hidden = self.mask_hidden(self.mask_features(len(self.stages) - 1, maps, boxes, shapes), stages)
        per_stage = [self.stage(index).mask_predictor(hidden[index]).sigmoid() for index in stages]
        mean = torch.stack(per_stage).mean(0)
        return mean[torch.arange(len(labels), device=labels.device), labels][:, None]


def _without_objects(refined: Boxes, boxes: Boxes, targets: list[Target]) -> Boxes:
    """Drop refined boxes whose original was an object's own box: the next stage adds the objects' boxes itself."""
    remaining = []
    for of_image, original, target in zip(refined, boxes, targets, strict=True):
        objects = (original[:, None] == target["boxes"].to(original.dtype)[None]).all(2).any(1)
        remaining.append(of_image[~objects])
    return remaining
