"""The shared parts of detectors on a feature pyramid: the pyramid, the anchors and the region pooling."""

from collections.abc import Callable
from dataclasses import dataclass
from math import ceil
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from torchvision.models.detection.anchor_utils import AnchorGenerator
from torchvision.models.detection.faster_rcnn import FastRCNNPredictor
from torchvision.models.detection.generalized_rcnn import GeneralizedRCNN
from torchvision.models.detection.mask_rcnn import MaskRCNNPredictor
from torchvision.models.detection.roi_heads import RoIHeads, maskrcnn_loss
from torchvision.models.detection.rpn import RegionProposalNetwork, RPNHead
from torchvision.ops import FeaturePyramidNetwork, MultiScaleRoIAlign
from torchvision.ops.feature_pyramid_network import LastLevelMaxPool

from attnctl.models.body import apply_norms, pyramid_maps
from attnctl.models.resizing import MEAN, STD, Resizing

CHANNELS = 256
"""Channels of the pyramid's maps and of the mask head."""

HIDDEN = 1024
"""Width of the box head's output."""

_LEVELS = ["0", "1", "2", "3"]
_SHORT_SIDE, _LONG_SIDE = 800, 1333

Norm = Callable[[int], nn.Module]
"""Creates a norm layer for a number of channels."""


class Pyramid(nn.Module):
    """A body and the feature pyramid over its maps, strides 4 to 64 (Lin et al., CVPR 2017, arXiv:1612.03144)."""

    out_channels = CHANNELS

    def __init__(self, body: nn.Module, norms: str, *, buffers: bool, norm: Norm | None = None) -> None:
        super().__init__()
        apply_norms(body, norms, buffers=buffers)
        self.body, channels = pyramid_maps(body)
        self.fpn = FeaturePyramidNetwork(channels, CHANNELS, extra_blocks=LastLevelMaxPool(), norm_layer=norm)

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        """x: (B, 3, H, W) -> maps "0", "1", "2", "3" and "pool", each (B, 256, H / stride, W / stride)."""
        maps: dict[str, Tensor] = self.fpn(self.body(x))
        return maps


@dataclass(frozen=True)
class Scale:
    """Sizes in pixels and numbers of regions, in proportion to the size of the images; at 800 pixels torchvision's.

    size: short side of the images in pixels; 0: 800
    """

    size: int

    @property
    def _factor(self) -> float:
        return (self.size or _SHORT_SIDE) / _SHORT_SIDE

    @property
    def sides(self) -> tuple[int, int]:
        """(short side, maximum long side) in pixels to which an image is resized."""
        return self.size or _SHORT_SIDE, round(_LONG_SIDE * self._factor)

    @property
    def sampled(self) -> int:
        """The number of regions per image to train on: 512, fewer if images are smaller than 800 pixels."""
        return self._regions(512)

    def anchors(self) -> AnchorGenerator:
        """Anchors of one size per level, doubling from 1/25 of the short side at stride 4, in three aspect ratios."""
        scales = tuple((32 * 2**level * self._factor,) for level in range(5))
        return AnchorGenerator(scales, ((0.5, 1.0, 2.0),) * 5)

    def pool(self, cells: int) -> MultiScaleRoIAlign:
        """Pools regions of any size to `cells` x `cells`; at 800 pixels, a region of 224 is pooled from stride 16."""
        return MultiScaleRoIAlign(_LEVELS, cells, 2, canonical_scale=max(1, round(224 * self._factor)))

    def proposals(self) -> RegionProposalNetwork:
        """The region proposal network. At 800 pixels it keeps 2000 regions in training and 1000 in evaluation."""
        anchors = self.anchors()
        top_n = {"training": self._regions(2000), "testing": self._regions(1000)}
        head = RPNHead(CHANNELS, anchors.num_anchors_per_location()[0])
        return RegionProposalNetwork(anchors, head, 0.7, 0.3, 256, 0.5, top_n, top_n, 0.7)

    def _regions(self, count: int) -> int:
        return min(count, ceil(count * self._factor))


class RegionHeads(RoIHeads):  # type: ignore[misc] # torchvision has no types
    """torchvision's heads of regions, whose loss of boxes may have another beta than its 1 / 9."""

    beta = 0.0
    """The distance, in standardised offsets, at which the smooth L1 loss becomes linear; 0: torchvision's."""

    def forward(self, features: Any, proposals: Any, image_shapes: Any, targets: Any = None) -> Any:
        """As torchvision's: detections, and in training the losses."""
        if not self.training or not self.beta or targets is None:
            return super().forward(features, proposals, image_shapes, targets)
        boxes, matched, labels, box_targets = self.select_training_samples(proposals, targets)
        pooled = self.box_roi_pool(features, boxes, image_shapes)
        logits, offsets = self.box_predictor(self.box_head(pooled))
        losses = box_losses(logits, offsets, torch.cat(labels), torch.cat(box_targets), beta=self.beta)
        if self.has_mask():
            positive = [of_image > 0 for of_image in labels]
            boxes = [of_image[chosen] for of_image, chosen in zip(boxes, positive, strict=True)]
            matched = [of_image[chosen] for of_image, chosen in zip(matched, positive, strict=True)]
            masks = self.mask_predictor(self.mask_head(self.mask_roi_pool(features, boxes, image_shapes)))
            truth, classes = [target["masks"] for target in targets], [target["labels"] for target in targets]
            losses["loss_mask"] = maskrcnn_loss(masks, boxes, truth, classes, matched)
        return [], losses


def box_losses(
    logits: Tensor, offsets: Tensor, labels: Tensor, box_targets: Tensor, *, beta: float = 1.0
) -> dict[str, Tensor]:
    """The losses of the classes and the boxes of regions.

    logits: (N, classes + 1). offsets: (N, 4), or four for each class. box_targets: (N, 4), standardised like the
    offsets. labels: (N,), 0 is background.
    """
    count, positive = max(len(labels), 1), labels > 0
    offsets = offsets.view(len(labels), offsets.shape[1] // 4, 4)
    of_class = labels[positive] if offsets.shape[1] > 1 else torch.zeros_like(labels[positive])
    chosen = offsets[positive, of_class]
    return {
        "loss_classifier": functional.cross_entropy(logits, labels, reduction="sum") / count,
        "loss_box_reg": functional.smooth_l1_loss(chosen, box_targets[positive], beta=beta, reduction="sum") / count,
    }


def region_heads(
    scale: Scale,
    classes: int,
    box_head: nn.Module,
    mask_head: nn.Module | None = None,
    *,
    overlap: float = 0.5,
    deviations: tuple[float, ...] = (0.1, 0.1, 0.2, 0.2),
) -> RoIHeads:
    """The heads that classify regions, correct their boxes and, given a mask head, predict their masks.

    classes: without background. box_head: (N, 256, 7, 7) -> (N, 1024). mask_head: (N, 256, 14, 14) -> the same shape.
    overlap: minimum IoU of a region with its object. deviations: standard deviations by which the corrections of x, y,
    width and height are divided.
    """
    box = scale.pool(7), box_head, FastRCNNPredictor(HIDDEN, classes + 1)
    mask = (scale.pool(14), mask_head, MaskRCNNPredictor(CHANNELS, CHANNELS, classes + 1)) if mask_head else ()
    weights = tuple(1 / deviation for deviation in deviations)
    return RegionHeads(*box, overlap, overlap, scale.sampled, 0.25, weights, 0.05, 0.5, 100, *mask)


def assemble(body: nn.Module, scale: Scale, heads: nn.Module) -> nn.Module:
    """A two-stage detector. body: the pyramid. heads: of the regions, with the interface of torchvision's RoIHeads."""
    network: nn.Module = GeneralizedRCNN(body, scale.proposals(), heads, Resizing(*scale.sides, MEAN, STD))
    network.body_prefix = "backbone.body."  # type: ignore[assignment]
    return network
